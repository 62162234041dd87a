#![doc = include_str!("../README.md")]

mod app;
mod audit;
mod cluster;
mod error;
mod federation;
mod follow;
mod health;
mod job;
mod jobs;
mod nodes;
mod options;
mod refused;
mod run;
mod setup;
mod state;
mod table;
mod usage;

pub use error::{RunError, SetupError};
pub use health::probe;
pub use options::{Options, OptionsError, Source, Task};
pub use run::run;
pub use setup::Setup;
