//! Several servers on one PostgreSQL.

mod catalogue;
mod jobs;
mod keys;
mod setting;
mod start;
