//! The command line as people and programs use it: the real binary on real data directories.

#![expect(clippy::unwrap_used, reason = "a test whose setting fails has failed")]

mod backup;
mod bench;
mod by_key;
mod columns;
mod edits;
mod ephemeral;
mod every;
mod exported;
mod health;
mod inspect;
mod json;
mod kaching;
mod logged;
mod memory;
mod operate;
mod recorded;
mod refused;
mod restored;
mod serve;
mod service;
mod several;
mod shells;
#[cfg(feature = "otel")]
mod traces;
mod unwritten;
