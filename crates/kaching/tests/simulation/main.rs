//! Client and authority together, on a simulated clock, network, disks and machines. A seed decides what
//! happens, and the invariants are checked after every step.
//!
//! `SIMULATION_SEEDS` is how many seeds are run, a thirtieth of them on PostgreSQL; `SIMULATION_SEED` runs one, and shows
//! its steps if it fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

mod acts;
mod attacker;
mod broken;
mod cases;
mod ending;
mod known;
mod machine;
mod outdated;
mod random;
mod run;
mod script;
mod search;
mod server;
mod statement;
mod steps;
mod streams;
