//! What operators do with what is licensed, on both engines.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod operators {
    pub mod catalogue;
    pub mod customers;
    pub mod filling;
    pub mod idempotency;
    pub mod jobs;
    pub mod licenses;
    pub mod lifecycle;
    pub mod lists;
    pub mod searches;
    pub mod setting;
    pub mod tokens;
}
