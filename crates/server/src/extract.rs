//! The extractors of handlers, which parse requests and refuse them in our own words.

mod address;
mod authorization;
mod body;
mod caller;
mod credential;
mod license_key;
mod public;
mod query;
mod version;

pub(crate) use address::{At, AtCompared, AtVersioned};
pub(crate) use authorization::authorization;
pub(crate) use body::{Body, NoMembers};
pub(crate) use caller::{Caller, Changes, scope};
pub(crate) use credential::{Bearer, Credential};
pub(crate) use license_key::{HeaderKey, KeyOrCredential, Offered, parse_key, read_key};
pub(crate) use public::{CredentialCall, EventStream, HeartbeatCall, KeyCall, LongPoll, Open, Public};
pub(crate) use query::{Archive, Params, list_query, metadata};
pub(crate) use version::shown;
