#![doc = include_str!("../README.md")]

mod app;
mod audit;
mod cluster;
mod federation;
mod follow;
mod health;
mod jobs;
mod nodes;
mod options;
mod refused;
mod run;
mod setup;
mod table;
mod usage;

pub use options::{Options, OptionsError, Source, Task};
pub use run::{RunError, run};
pub use setup::{Setup, SetupError};
