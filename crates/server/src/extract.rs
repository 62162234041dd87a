//! What handlers take from a request, read at the edge and refused in our own words.

mod address;
mod body;
mod caller;
mod credential;
mod license_key;
mod query;
mod version;

pub(crate) use address::At;
pub(crate) use body::{Body, NoMembers};
pub(crate) use caller::{Caller, Public, scope};
pub(crate) use credential::{Bearer, Credential, authorization};
pub(crate) use license_key::{HeaderKey, Offered, parse_key, read_key};
pub(crate) use query::{Archive, Params, list_query, metadata};
pub(crate) use version::shown;
