#![doc = include_str!("../README.md")]

mod app;
mod audit;
mod cluster;
mod federation;
mod health;
mod jobs;
mod nodes;
mod options;
mod refused;
mod run;
mod table;

pub use options::{Options, OptionsError};
pub use run::{RunError, run};
