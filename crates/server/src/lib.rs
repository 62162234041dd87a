#![doc = include_str!("../README.md")]

mod admission;
mod app;
mod arrival;
mod auth;
mod availability;
mod background;
pub mod config;
mod convert;
mod extract;
mod health;
mod limits;
mod listen;
mod long_poll_slots;
mod metrics;
mod middleware;
mod openapi;
mod peer;
mod private_files;
mod problem;
mod process;
mod request_name;
mod route;
mod router;
#[cfg(test)]
mod surface;
mod tasks;
mod v1;
mod well_known;

pub use app::App;
pub use listen::{
    Addresses, BindError, CertificateState, Listeners, PassedSockets, ServeError, check_certificate,
};
pub use peer::{Network, Peer};
pub use private_files::{check_private_files, others_can_read};
pub use router::{
    description as openapi, everything as full_router, local as local_router, product as product_router,
};
pub use tasks::{Shutdown, Stop, shutdown};
