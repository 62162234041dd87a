//! The client against an authority that signs with real keys and is controlled by the test: most tests run on a simulated
//! clock, the others over real sockets.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect fails")]
#![expect(clippy::print_stdout, reason = "the table of faults is for people to read")]
#![expect(clippy::disallowed_methods, reason = "deadlines of tests are real time")]

mod authority;
mod changing;
mod costs;
mod entering;
mod faults;
mod following;
mod futures;
mod http;
mod keeping;
mod layers;
mod limits;
mod losing;
mod network;
mod proxy;
mod refusals;
mod rehearsing;
mod routing;
mod running;
mod simulated;
mod starting;
mod stepping;
mod streaming;
mod telling;
mod validating;
mod ways;
mod world;
