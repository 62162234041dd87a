//! The operations of the authority, on both engines. One program, because linking each room by itself takes longer than
//! running it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod activations;
mod keys;
mod opening;
mod operators;
mod replicas;
mod schema;
