//! The client against an authority that signs with real keys and is controlled by the test. Tests run on a simulated clock;
//! only `connections`, `faults`, `futures`, `routing` and `sockets` have threads and sockets, and one test of `network`.

#![expect(clippy::unwrap_used, reason = "a test that meets what it does not expect fails")]
#![expect(clippy::print_stdout, reason = "the table of faults is for people to read")]
#![expect(clippy::disallowed_methods, reason = "deadlines of tests are real time")]

mod authority;
mod changed_authority;
mod connections;
mod costs;
mod entered_key;
mod fake_license;
mod faults;
mod followers;
mod futures;
mod http;
mod layers;
mod limits;
mod lost_slot;
mod network;
mod proxy;
mod refusals;
mod reports;
mod routing;
mod running;
mod simulated;
mod sockets;
mod starts;
mod state_files;
mod stepping;
mod streaming;
mod validating;
mod world;
