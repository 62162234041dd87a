//! The headers with a caller's limit: draft-ietf-httpapi-ratelimit-headers-10, `RateLimit-Policy` and `RateLimit`.

use std::{cell::Cell, future::Future};

use axum::http::{HeaderMap, HeaderValue};

use super::rate::{Left, Rate};
use crate::metrics::LimitKind;

/// The rest of a caller's allowance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Budget {
    pub(crate) kind: LimitKind,
    /// The capacity: the most that can be left.
    pub(crate) limit: i64,
    /// The seconds in which the allowance is restored.
    window_s: u64,
    pub(crate) remaining: i64,
    /// Seconds until one more call is allowed, if none is left.
    pub(crate) reset_s: u64,
}

impl Budget {
    pub(super) fn of(kind: LimitKind, rate: Rate, left: Left) -> Self {
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

    /// Returns the budget with the least left: several limits may concern one call, and the answer names one.
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

tokio::task_local! {
    /// The rest of the allowance of the running request's caller, if its answer states it.
    static BUDGET: Cell<Option<Budget>>;
}

/// Adds the rest of the caller's allowance to the answer of the running request.
pub(crate) fn note(budget: Budget) {
    // Outside of a request there is no answer.
    let _ = BUDGET.try_with(|noted| noted.set(Some(budget.or_tighter(noted.get()))));
}

/// Runs a request, and returns its outcome with the budget that was noted for its answer.
pub(crate) async fn noting<T>(request: impl Future<Output = T>) -> (T, Option<Budget>) {
    BUDGET.scope(Cell::new(None), async { (request.await, BUDGET.with(Cell::get)) }).await
}
