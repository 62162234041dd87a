//! The vectors that every implementation must pass, and what else must hold for any input.
//!
//! `KACHING_ACCEPT=1` rewrites the files of vectors; their outcomes are those that the tests state.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod credentials;
mod domains;
mod file;
mod keys;
mod keysets;
mod license_keys;
mod properties;
mod pushed;
mod second_opinion;
mod statements;
mod world;
