use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

/// What the HTTP face counts. Routes are templates, so that no id or key becomes a label.
pub(crate) struct Metrics {
    pub(crate) requests: Family<Request, Counter>,
    pub(crate) duration: Family<Route, Histogram>,
    pub(crate) in_flight: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) failures_limited: Counter,
    pub(crate) tls_end: Gauge,
    pub(crate) backup_success: Gauge,
    pub(crate) backup_failures: Counter,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Request {
    pub(crate) route: String,
    pub(crate) method: String,
    pub(crate) status: u16,
    pub(crate) code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Route {
    pub(crate) route: String,
}

impl Metrics {
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            duration: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.0005, 2.0, 16))),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            failures_limited: Counter::default(),
            tls_end: Gauge::default(),
            backup_success: Gauge::default(),
            backup_failures: Counter::default(),
        };
        let backups = registry.sub_registry_with_prefix("kaching_backup");
        backups.register(
            "last_success_seconds",
            "When the last backup on the schedule succeeded, whichever process made it, in Unix seconds; 0 before",
            metrics.backup_success.clone(),
        );
        backups.register(
            "failures",
            "Backups on the schedule that this process could not make",
            metrics.backup_failures.clone(),
        );
        let registry = registry.sub_registry_with_prefix("kaching_http");
        registry.register("requests", "Answers by route, method, status and code", metrics.requests.clone());
        registry.register(
            "request_duration_seconds",
            "Time from a request's head to its answer",
            metrics.duration.clone(),
        );
        registry.register(
            "requests_in_flight",
            "Requests that are being answered",
            metrics.in_flight.clone(),
        );
        registry.register("connections", "Connections that are open", metrics.connections.clone());
        registry.register(
            "failures_limited",
            "Requests answered rate_limited because their address failed too often",
            metrics.failures_limited.clone(),
        );
        registry.register(
            "tls_certificate_end_seconds",
            "When the certificate in use ends, in Unix seconds; 0 without TLS",
            metrics.tls_end.clone(),
        );
        metrics
    }
}
