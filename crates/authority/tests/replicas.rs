//! Several servers on one PostgreSQL.

#[cfg(test)]
mod replicas {
    pub mod jobs;
    pub mod keys;
    pub mod setting;
    pub mod start;
}
