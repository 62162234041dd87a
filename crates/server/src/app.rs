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

/// What every handler works with: the authority, and what its HTTP face knows.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// What all clones of an `App` share.
pub struct Inner {
    pub(crate) authority: Arc<Authority>,
    /// By which URL this server is reached, as far as its settings know.
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
    /// Whether the process takes its leave: what is asked is still answered, but nobody should begin to ask.
    leaving: AtomicBool,
    /// The second in which the log was last warned of a request.
    warned: AtomicI64,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl App {
    /// The HTTP face of this authority. `base` is the URL by which this server is reached, and `registry` holds what the
    /// authority measures.
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

    /// The authority behind it.
    pub fn authority(&self) -> &Authority {
        &self.0.authority
    }

    /// What statements name as their issuer.
    pub fn issuer(&self) -> PublicUrl {
        self.0.authority.issuer().parse().unwrap_or_else(|_| self.0.base.clone())
    }

    /// From here on `/ready` answers 503, and each answer is the last of its connection, so that a balancer sends what
    /// comes next elsewhere.
    pub fn leave(&self) {
        self.0.leaving.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_leaving(&self) -> bool {
        self.0.leaving.load(Ordering::Relaxed)
    }

    /// Whether the log was not warned of another request in this second.
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
