use kaching_base::{Seconds, Timestamp};

use crate::License;

/// The times of a lease, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    pub iat: Timestamp,
    /// By when it should have been renewed.
    pub exp: Timestamp,
    /// The last moment at which the client may run on it. Never after the license's end and its grace.
    pub run_until: Timestamp,
}

impl Times {
    /// The times of a lease that is signed now; `move_ends_at` is the end of a superseded activation's grace.
    pub fn of(license: &License, move_ends_at: Option<Timestamp>, now: Timestamp) -> Self {
        let policy = license.policy();
        let offline = if move_ends_at.is_some() { Seconds(0) } else { Seconds(policy.offline_s) };
        let ends = [license.end(), move_ends_at];
        let end = ends.into_iter().flatten().min().map_or(Timestamp::MAX, whole);
        let iat = whole(now);
        let exp = (iat + Seconds(policy.lease_s)).min(end);
        Self { iat, exp, run_until: (exp + offline).min(end) }
    }
}

/// Statements hold whole seconds, rounded down.
fn whole(at: Timestamp) -> Timestamp {
    Timestamp::from_seconds(at.seconds())
}
