use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

/// Counts of listeners and of the changes that were read for them.
#[derive(Clone, Default)]
pub(crate) struct ChangeMetrics {
    pub(super) listening: Gauge,
    pub(super) read: Counter,
    pub(super) signed: Counter,
    pub(super) resyncs: Counter,
    pub(super) gaps: Counter,
}

impl ChangeMetrics {
    pub(crate) fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        let registry = registry.sub_registry_with_prefix("changes");
        registry.register(
            "listening",
            "Streams and long polls that wait for a change of their license",
            metrics.listening.clone(),
        );
        registry.register(
            "read",
            "Changes that were read, in the order of their commits",
            metrics.read.clone(),
        );
        registry.register(
            "refusals_signed",
            "Refusals that were signed to be pushed, once for all listeners",
            metrics.signed.clone(),
        );
        registry.register(
            "looks_anew",
            "Times that a listener took a new snapshot because it was slow or a change was missing",
            metrics.resyncs.clone(),
        );
        registry.register(
            "gaps",
            "Times that all listeners took a new snapshot because changes were missing or the database was restored",
            metrics.gaps.clone(),
        );
        metrics
    }
}
