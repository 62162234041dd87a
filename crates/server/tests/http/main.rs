//! HTTP without sockets: every answer is checked against the description of the API.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod batches;
mod events;
mod filters;
mod hostile;
mod jobs;
mod keys_in_urls;
mod limits;
mod operator;
mod outside;
mod overload;
mod pace;
mod permissions;
mod problems;
mod product;
mod sockets;
#[path = "../../src/surface.rs"]
mod surface;
mod taken_away;
mod terms;
mod test_server;
mod twice;
mod versions;
mod written;
