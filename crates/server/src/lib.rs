#![doc = include_str!("../README.md")]

mod admission;
mod app;
mod auth;
mod availability;
pub mod config;
mod edge;
mod extract;
mod health;
mod limits;
mod listen;
mod metrics;
mod openapi;
mod peer;
mod private_files;
mod problem;
mod process;
mod request_name;
mod router;
mod shape;
#[cfg(test)]
mod surface;
mod tasks;
mod upkeep;
mod v1;
mod waits;
mod well_known;

pub use app::App;
pub use listen::{Addresses, BindError, CertificateState, Listeners, ServeError, check_certificate};
pub use openapi::text as openapi;
pub use peer::{Network, Peer};
pub use private_files::{check_private_files, others_can_read};
pub use router::{everything as full_router, local as local_router, product as product_router};
pub use tasks::{Shutdown, Stop, shutdown};
