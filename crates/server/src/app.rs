use std::sync::Arc;

use kaching_authority::{Authority, Clock, Entropy, backup::Schedule};
use kaching_base::{RequestId, Seconds, Timestamp};
use prometheus_client::registry::Registry;
use tokio::sync::watch;

use crate::{
    config::{Config, PublicUrl},
    failures::Failures,
    metrics::Metrics,
    peer::Network,
    waits::Waits,
};

/// What every handler works with: the authority, and what its HTTP face knows.
#[derive(Clone)]
pub struct App(Arc<Inner>);

/// What all clones of an `App` share.
pub struct Inner {
    pub(crate) authority: Arc<Authority>,
    pub(crate) issuer: PublicUrl,
    pub(crate) trusted_proxies: Vec<Network>,
    pub(crate) request_timeout: std::time::Duration,
    pub(crate) body_timeout: std::time::Duration,
    pub(crate) failures: Failures,
    pub(crate) schedule: Option<Schedule>,
    pub(crate) waits: Waits,
    pub(crate) metrics: Metrics,
    pub(crate) registry: Registry,
    /// Told once, when it is time to stop: those who wait for a change are answered at once.
    stopping: watch::Sender<bool>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl App {
    /// The HTTP face of this authority. `issuer` is the public URL that the authority was opened with, and
    /// `registry` holds what the authority measures.
    pub fn new(
        authority: Arc<Authority>,
        config: &Config,
        issuer: PublicUrl,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
        mut registry: Registry,
    ) -> Self {
        let seconds = |s: u32| std::time::Duration::from_secs(u64::from(s));
        Self(Arc::new(Inner {
            authority,
            issuer,
            trusted_proxies: config.server.trusted_proxies.clone(),
            request_timeout: seconds(config.server.request_timeout_s),
            body_timeout: seconds(config.server.body_timeout_s),
            schedule: schedule(config),
            failures: Failures::new(config.limits.failures_per_minute),
            waits: Waits::new(config.server.max_connections),
            metrics: Metrics::new(&mut registry),
            registry,
            stopping: watch::Sender::new(false),
            clock,
            entropy,
        }))
    }

    /// The authority behind it.
    pub fn authority(&self) -> &Authority {
        &self.0.authority
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    pub(crate) fn stop_waiting(&self) {
        self.stopping.send_replace(true);
    }

    /// Returns when those who wait should be answered.
    pub(crate) async fn stopping(&self) {
        let _ = self.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    pub(crate) fn request_id(&self) -> RequestId {
        let seed = self.0.entropy.seed();
        let random = seed.first_chunk().expect("a seed is longer than ten bytes");
        RequestId::new(self.now(), *random)
    }
}

fn schedule(config: &Config) -> Option<Schedule> {
    let backup = &config.backup;
    backup.directory.as_ref().map(|directory| Schedule {
        directory: directory.clone(),
        every: Seconds(i64::from(backup.every_h) * 3600),
        keep: usize::try_from(backup.keep).unwrap_or(usize::MAX),
    })
}

impl std::ops::Deref for App {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}
