//! The third ring: HTTP without sockets, every answer checked against the API's description.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends where it stands")]

mod events;
mod face;
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
mod twice;
mod versions;
mod written;
