use std::time::Duration;

use kaching_license::Digest;
use serde::Serialize;

use crate::{clock::Reading, transport::Call};

/// The kinds of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallKind {
    Keyset,
    Activate,
    Heartbeat,
    Catalogue,
    Deactivate,
    /// A poll for changes.
    Poll,
    /// The stream of changes.
    Stream,
    /// The activation with a key that somebody entered.
    Enter,
    Report,
}

/// A call to make, with what is needed to judge its answer.
pub(crate) struct Request {
    pub(crate) kind: CallKind,
    pub(crate) call: Call,
    /// The hash that its answer must name.
    pub(super) hash: Digest,
    /// How many stops there were when it was made.
    pub(super) stops: u64,
    pub(super) sent: Duration,
    /// Of a heartbeat: the number of the last entry of usage in it.
    pub(super) usage: u64,
    /// Of a heartbeat or an activation: its number among them.
    pub(super) number: u64,
    /// Its bytes may have been sent before, and answered.
    pub(super) again: bool,
    /// Of a heartbeat: the delay of a change that it reports.
    pub(super) heard_ms: Option<u64>,
}

impl Request {
    pub(super) fn new(kind: CallKind, call: Call, hash: Digest, stops: u64, now: Reading) -> Self {
        Self { kind, call, hash, stops, sent: now.boot, usage: 0, number: 0, again: false, heard_ms: None }
    }

    /// Whether its answer is a stream.
    pub(crate) fn streams(&self) -> bool {
        self.kind == CallKind::Stream
    }
}

pub(super) fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("requests have text for keys and nothing that fails")
}
