#![doc = include_str!("../README.md")]

mod clock;
mod engines;
mod jargon;
mod postgres;
mod world;

pub use clock::{FakeClock, SeededEntropy};
pub use engines::{Scratch, engines};
pub use jargon::word_of_rust;
pub use kaching_db::Engine;
pub use postgres::{Server, pair, postgres};
pub use world::{Held, ISSUER, Increment, World};
