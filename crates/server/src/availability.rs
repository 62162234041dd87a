//! The two series that measure the service levels: calls of products answered in time, and heartbeats that succeed.

use axum::http::StatusCode;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use crate::route::{Audience, Facts};

/// Answered later than this, in microseconds, is too late for a product's call.
const IN_TIME: i64 = 200_000;

/// Counts what came of calls of products.
pub(crate) struct Availability {
    calls: Family<Outcome, Counter>,
    heartbeats: Family<Outcome, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    outcome: &'static str,
}

impl Availability {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let own = Self { calls: Family::default(), heartbeats: Family::default() };
        registry.register(
            "product_calls",
            "Calls of products: good is answered other than 5xx within 200 ms (waiting for changes apart), late is \
             answered other than 5xx after that, failed is 5xx",
            own.calls.clone(),
        );
        registry.register(
            "heartbeats",
            "Heartbeats by outcome: granted, refused (which counts as success), failed",
            own.heartbeats.clone(),
        );
        for outcome in ["good", "late", "failed"] {
            drop(own.calls.get_or_create(&Outcome { outcome }));
        }
        for outcome in ["granted", "refused", "failed"] {
            drop(own.heartbeats.get_or_create(&Outcome { outcome }));
        }
        own
    }

    /// Counts a request to a route with these facts that was answered after `micros` microseconds.
    pub(crate) fn count(&self, facts: Option<&Facts>, status: StatusCode, micros: i64) {
        if let Some(outcome) = of_call(facts, status, micros) {
            self.calls.get_or_create(&Outcome { outcome }).inc();
        }
        if facts.is_some_and(|facts| facts.is_heartbeat) {
            self.heartbeats.get_or_create(&Outcome { outcome: of_heartbeat(status) }).inc();
        }
    }
}

/// Returns how a call of a product is counted; `None` for any other. One that waits for a change is never late.
fn of_call(facts: Option<&Facts>, status: StatusCode, micros: i64) -> Option<&'static str> {
    let facts = facts.filter(|facts| facts.audience == Some(Audience::Products))?;
    Some(match () {
        () if status.is_server_error() => "failed",
        () if micros > IN_TIME && !facts.waits => "late",
        () => "good",
    })
}

fn of_heartbeat(status: StatusCode) -> &'static str {
    match status {
        status if status.is_success() => "granted",
        status if status.is_server_error() => "failed",
        _ => "refused",
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::*;

    #[test]
    fn a_call_is_good_in_time_and_without_5xx() {
        let cases = [
            ("/v1/activate", 201, 200_000, Some("good")),
            ("/v1/activate", 409, 1, Some("good")),
            ("/v1/activate", 201, 200_001, Some("late")),
            ("/v1/heartbeat", 403, 200_001, Some("late")),
            ("/v1/heartbeat", 503, 1, Some("failed")),
            ("/v1/status", 500, 200_001, Some("failed")),
            ("/v1/changes", 200, 55_000_000, Some("good")),
            ("/v1/changes", 503, 1, Some("failed")),
            ("/v1/events", 200, 300_000, Some("good")),
            ("/v1/admin/licenses", 500, 1, None),
            ("/ready", 503, 1, None),
            ("none", 404, 1, None),
        ];
        let (_, table) = crate::router::all_routes().into_parts();
        for (route, status, micros, outcome) in cases {
            let facts = table.find(&Method::GET, route);
            let found = of_call(facts, StatusCode::from_u16(status).unwrap(), micros);
            assert_eq!(found, outcome, "{route} {status} {micros}");
        }
    }
}
