//! Several servers on one PostgreSQL.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[cfg(test)]
mod replicas {
    pub mod jobs;
    pub mod keys;
    pub mod setting;
    pub mod start;
}
