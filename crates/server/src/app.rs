use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicI64, Ordering},
};

use kaching_authority::{Authority, Clock, Entropy};
use kaching_base::{RequestId, Timestamp};
use prometheus_client::registry::Registry;

use crate::{
    admission::Admission,
    config::{Config, PublicUrl},
    limits::Limits,
    long_poll_slots::LongPollSlots,
    metrics::Metrics,
    peer::{Network, UntrustedForwarder},
    process::Process,
};

/// The state of the server, shared by its handlers: the authority, limits, settings and metrics.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// The state that all clones of an `App` share.
pub struct Inner {
    pub(crate) authority: Arc<Authority>,
    /// The URL of this server according to its settings.
    pub(crate) base: PublicUrl,
    pub(crate) trusted_proxies: Vec<Network>,
    pub(crate) untrusted_forwarder: UntrustedForwarder,
    pub(crate) request_timeout: std::time::Duration,
    pub(crate) body_timeout: std::time::Duration,
    pub(crate) limits: Limits,
    pub(crate) admission: Admission,
    pub(crate) long_poll_slots: Arc<LongPollSlots>,
    pub(crate) metrics: Metrics,
    pub(crate) registry: Registry,
    /// Whether the server is stopping: it still answers, but clients should go elsewhere.
    leaving: AtomicBool,
    /// The second of the last warning about a request in the log.
    warned: AtomicI64,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl App {
    /// Makes the server of an authority. `base` is the URL of this server, and `registry` holds the authority's metrics.
    pub fn new(
        authority: Arc<Authority>,
        config: &Config,
        base: PublicUrl,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        mut registry: Registry,
    ) -> Self {
        let metrics = Metrics::new(&mut registry);
        registry.register_collector(Box::new(Process { started: clock.now() }));
        let seconds = |s: u32| std::time::Duration::from_secs(u64::from(s));
        Self(Arc::new(Inner {
            authority,
            base,
            trusted_proxies: config.server.trusted_proxies.clone(),
            untrusted_forwarder: UntrustedForwarder::default(),
            request_timeout: seconds(config.server.request_timeout_s),
            body_timeout: seconds(config.server.body_timeout_s),
            limits: Limits::new(&config.limits),
            admission: Admission::new(&config.limits, &metrics),
            long_poll_slots: Arc::new(LongPollSlots::new(
                config.server.max_connections,
                config.limits.places_percent,
            )),
            metrics,
            registry,
            leaving: AtomicBool::new(false),
            warned: AtomicI64::new(0),
            clock,
            entropy,
        }))
    }

    /// Returns the authority.
    pub fn authority(&self) -> &Authority {
        &self.0.authority
    }

    /// Returns the issuer that statements name.
    pub fn issuer(&self) -> PublicUrl {
        self.0.authority.issuer().parse().unwrap_or_else(|_| self.0.base.clone())
    }

    /// Begins to stop: `/ready` answers 503, and each answer closes its connection, so that a balancer sends new requests
    /// elsewhere.
    pub fn leave(&self) {
        self.0.leaving.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.0.leaving.load(Ordering::Relaxed)
    }

    /// Returns whether this is the first warning about a request in this second.
    pub(crate) fn first_this_second(&self) -> bool {
        let second = self.now().seconds();
        self.warned.swap(second, Ordering::Relaxed) != second
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(crate) fn request_id(&self) -> RequestId {
        let seed = self.0.entropy.seed();
        let random = seed.first_chunk().expect("a seed is longer than ten bytes");
        RequestId::new(self.now(), *random)
    }
}

impl std::ops::Deref for App {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}
