use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

/// What the following of changes tells about itself.
#[derive(Clone, Default)]
pub(crate) struct Metrics {
    pub(super) listening: Gauge,
    pub(super) read: Counter,
    pub(super) signed: Counter,
    pub(super) anew: Counter,
    pub(super) gaps: Counter,
}

impl Metrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("changes");
        registry.register(
            "listening",
            "Streams and questions that wait for a change of their license",
            metrics.listening.clone(),
        );
        registry.register(
            "read",
            "Changes that were read, in the order of their commits",
            metrics.read.clone(),
        );
        registry.register(
            "refusals_signed",
            "Refusals that were signed to be pushed, each for all whom it concerns",
            metrics.signed.clone(),
        );
        registry.register(
            "looks_anew",
            "Times that a listener looked at the present state because it was slow or something was missing",
            metrics.anew.clone(),
        );
        registry.register(
            "gaps",
            "Times that everybody looked anew because changes were missing or the database was restored",
            metrics.gaps.clone(),
        );
        metrics
    }
}
