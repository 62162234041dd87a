#![doc = include_str!("../README.md")]
#![warn(missing_docs)]

mod database;
mod pair;
mod server;

pub use database::{Database, vacuum};
pub use pair::Pair;
pub use server::{Place, Server};

/// Why there is no PostgreSQL: one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Unavailable(String);
