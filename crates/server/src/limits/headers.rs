//! What a caller is told of its limit: draft-ietf-httpapi-ratelimit-headers-10, `RateLimit-Policy` and `RateLimit`.

use axum::http::{HeaderMap, HeaderValue};

use super::rate::{Left, Rate};
use crate::metrics::Kind;

/// What is left to somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) kind: Kind,
    /// The most that there is at once.
    pub(crate) limit: i64,
    /// Seconds in which all of it comes back.
    window_s: u64,
    pub(crate) remaining: i64,
    /// Seconds until there is one more, where there is none.
    pub(crate) reset_s: u64,
}

impl Budget {
    pub(super) fn of(kind: Kind, rate: Rate, left: Left) -> Self {
        Self {
            kind,
            limit: rate.burst(),
            window_s: seconds_up(rate.full_after()),
            remaining: left.remaining,
            reset_s: seconds_up(left.wait),
        }
    }

    /// Whether more than half of it is gone.
    pub(crate) fn is_scarce(&self) -> bool {
        self.remaining.saturating_mul(2) < self.limit
    }

    /// Where several limits concern one call, the caller is told of the one that has least left.
    pub(crate) fn or_tighter(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if other.remaining < self.remaining => other,
            _ => self,
        }
    }

    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let Self { kind, limit, window_s, remaining, reset_s } = self;
        let name = kind.as_str();
        let value = |text: String| HeaderValue::from_str(&text).expect("digits and names are ASCII");
        headers.insert("ratelimit-policy", value(format!("\"{name}\";q={limit};w={window_s}")));
        headers.insert("ratelimit", value(format!("\"{name}\";r={remaining};t={reset_s}")));
    }
}

fn seconds_up(micros: i64) -> u64 {
    u64::try_from(micros).unwrap_or(0).div_ceil(1_000_000)
}
