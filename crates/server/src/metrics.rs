mod format;

use std::sync::atomic::AtomicU64;

use kaching_authority::Error;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
        info::Info,
    },
    registry::{Registry, Unit},
};

pub(crate) use format::MetricsFormat;

use crate::availability::Availability;

/// The metrics of the server. Routes are templates, so that no id or key becomes a label.
pub(crate) struct Metrics {
    pub(crate) requests: Family<Request, Counter>,
    pub(crate) duration: Family<Route, Histogram>,
    pub(crate) in_flight: Gauge,
    pub(crate) connections: Gauge,
    pub(crate) connections_ended: Counter,
    rate_limited: Family<LimitLabel, Counter>,
    pub(crate) shed: Family<ClassLabel, Counter>,
    pub(crate) waiting: Family<ClassLabel, Gauge>,
    pub(crate) stretch: Gauge<f64, AtomicU64>,
    pub(crate) tls_end: Gauge,
    pub(crate) streams: Gauge,
    pub(crate) events: Family<Event, Counter>,
    pub(crate) propagation: Histogram,
    pub(crate) availability: Availability,
}

/// An event of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct Event {
    pub(crate) event: &'static str,
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

/// From a change that arrives immediately to one that waits for a heartbeat.
const PROPAGATION: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabel {
    limit: &'static str,
}

/// Of `admission`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub(crate) struct ClassLabel {
    pub(crate) class: &'static str,
}

/// The limits that an answer may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LimitKind {
    /// Calls with a credential.
    Activation,
    /// The last heartbeat of an activation again.
    Repeats,
    /// Heartbeats before the last one, from an address.
    Outdated,
    /// Calls with a license key.
    License,
    /// Validations with a license key.
    Validations,
    /// New installations of a license.
    Fingerprints,
    /// Long polls and streams.
    Changes,
    /// Calls with an API token.
    Token,
    /// Failures from an address.
    Failures,
    /// Reports of a license in a day.
    Reports,
    /// Activations of a license in a day.
    Activations,
}

impl LimitKind {
    const ALL: [Self; 11] = [
        Self::Activation,
        Self::Repeats,
        Self::Outdated,
        Self::License,
        Self::Validations,
        Self::Fingerprints,
        Self::Changes,
        Self::Token,
        Self::Failures,
        Self::Reports,
        Self::Activations,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Activation => "activation",
            Self::Repeats => "repeats",
            Self::Outdated => "outdated",
            Self::License => "license",
            Self::Validations => "validations",
            Self::Fingerprints => "fingerprints",
            Self::Changes => "changes",
            Self::Token => "token",
            Self::Failures => "failures",
            Self::Reports => "reports",
            Self::Activations => "activations",
        }
    }
}

impl Metrics {
    /// Counts an error that is the limit of the day.
    pub(crate) fn limited_today(&self, kind: LimitKind, error: &Error) {
        if matches!(error, Error::TooMany { .. }) {
            self.limited(kind);
        }
    }

    /// Counts a call over this limit.
    pub(crate) fn limited(&self, kind: LimitKind) {
        self.rate_limited.get_or_create(&LimitLabel { limit: kind.as_str() }).inc();
    }

    pub(crate) fn new(registry: &mut Registry) -> Self {
        let kaching = registry.sub_registry_with_prefix("kaching");
        let metrics = Self {
            availability: Availability::register(kaching),
            requests: Family::default(),
            duration: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.0005, 2.0, 16))),
            in_flight: Gauge::default(),
            connections: Gauge::default(),
            connections_ended: Counter::default(),
            rate_limited: Family::default(),
            shed: Family::default(),
            waiting: Family::default(),
            stretch: Gauge::default(),
            tls_end: Gauge::default(),
            streams: Gauge::default(),
            events: Family::default(),
            propagation: Histogram::new(PROPAGATION),
        };
        metrics.register_own(kaching);
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
            "connections_ended",
            "Connections whose clients had sent no whole request, and that were ended to make room",
            metrics.connections_ended.clone(),
        );
        registry.register(
            "rate_limited",
            "Requests answered rate_limited, by the limit that they exceeded",
            metrics.rate_limited.clone(),
        );
        for event in ["license", "refusal", "ping", "end"] {
            let _ = metrics.events.get_or_create(&Event { event });
        }
        registry.register("streams", "Streams of changes that are open", metrics.streams.clone());
        registry.register("events", "Events written to streams, by kind", metrics.events.clone());
        registry.register(
            "shed",
            "Requests answered overloaded because none of their class could be served in time",
            metrics.shed.clone(),
        );
        registry.register(
            "requests_waiting",
            "Requests that wait for a place among those of their class that are served",
            metrics.waiting.clone(),
        );
        registry.register(
            "heartbeat_stretch_ratio",
            "Time that a client is asked to wait between heartbeats, relative to a third of its lease",
            metrics.stretch.clone(),
        );
        metrics.stretch.set(1.0);
        // An event that never happened is reported as 0, so that the first one is seen as a change.
        for kind in LimitKind::ALL {
            drop(metrics.rate_limited.get_or_create(&LimitLabel { limit: kind.as_str() }));
        }
        registry.register(
            "tls_certificate_end_seconds",
            "End of the certificate in use, in Unix seconds; 0 without TLS",
            metrics.tls_end.clone(),
        );
        metrics
    }

    /// Registers the metrics that are not about HTTP.
    fn register_own(&self, registry: &mut Registry) {
        registry.register(
            "build",
            "The running version",
            Info::new([("version", env!("CARGO_PKG_VERSION"))]),
        );
        registry.register_with_unit(
            "propagation",
            "Time from a change to the moment at which a client had acted on it, as clients measured it",
            Unit::Seconds,
            self.propagation.clone(),
        );
    }
}
