//! The origin of a request.

use std::net::IpAddr;

use kaching_base::RequestId;

use crate::Peer;

/// The facts of a request, known before its handler runs.
#[derive(Clone, Copy)]
pub(crate) struct Arrival {
    pub(crate) request: RequestId,
    pub(crate) peer: Peer,
    pub(crate) address: Option<IpAddr>,
}
