//! The operations of the authority, on both engines. One program, because linking one for each area takes longer than running
//! it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod activations;
mod keys;
mod opening;
mod operators;
mod replicas;
mod schema;
