//! A server with databases of its own, and a pair of which one takes over.

mod databases;
mod pair;
