//! Client and authority together, with a clock, a network, disks and machines of the test's own: a seed decides what
//! happens, and what must hold holds after every step of it.
//!
//! `SIMULATION_SEEDS` is how many seeds are run, a thirtieth of them on PostgreSQL; `SIMULATION_SEED` runs one, and shows
//! its steps where it fails.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends there")]

mod acts;
mod attacker;
mod broken;
mod cases;
mod dice;
mod ending;
mod house;
mod known;
mod machine;
mod outdated;
mod run;
mod script;
mod search;
mod statement;
mod steps;
mod streams;
