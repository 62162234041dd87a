//! The third ring: HTTP without sockets, every answer checked against the API's description.

mod face;
mod hostile;
mod limits;
mod operator;
mod problems;
mod product;
mod sockets;
#[path = "../../src/surface.rs"]
mod surface;
mod written;
