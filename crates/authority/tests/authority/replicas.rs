//! Several servers on one PostgreSQL.

mod jobs;
mod keys;
mod setting;
mod start;
