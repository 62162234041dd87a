//! Where a request comes from.

use std::net::IpAddr;

use kaching_base::RequestId;

use crate::Peer;

/// What is known of a request before its handler runs.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) request: RequestId,
    pub(crate) peer: Peer,
    pub(crate) address: Option<IpAddr>,
}
