use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use kaching_client::{Fingerprint, Guard, LicenseKey, State, Via};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::super::{
    bench_server::{BenchServer, PRODUCT},
    load::now,
};
use kaching_command::failure::Failure;

/// Products of the same license, one at each server: they measure the client library up to its callback.
pub(super) struct Products {
    guards: Vec<Guard>,
    /// The times of the stop callbacks.
    stops: UnboundedReceiver<Instant>,
}

impl Products {
    /// Starts them, and waits until each has its stream.
    pub(super) async fn start(server: &BenchServer<'_>, servers: Vec<SocketAddr>) -> Result<Self, Failure> {
        let (stopped, stops) = mpsc::unbounded_channel();
        let key = server.keys.last().map(|key| key.expose().to_owned()).unwrap_or_default();
        let mut builders = Vec::new();
        for (at, address) in servers.into_iter().enumerate() {
            let stopped = stopped.clone();
            let name = format!("product-{at}");
            builders.push(
                Guard::builder(&format!("http://{address}"), &server.root)
                    .product(PRODUCT)
                    .license_key(LicenseKey::new(&key))
                    .fingerprint(Fingerprint::custom(&name).map_err(|error| failed(&error))?)
                    .state_dir(server.path().join(name))
                    .on_stop(move |_| {
                        // The receiver is gone once the measurement has ended.
                        let _ = stopped.send(now());
                    }),
            );
        }
        let start = || builders.into_iter().map(kaching_client::Builder::start).collect::<Result<_, _>>();
        let guards = blocking(start).await?.map_err(|error| failed(&error))?;
        let products = Self { guards, stops };
        products.wait_until_running(Duration::from_secs(60)).await?;
        Ok(products)
    }

    /// Waits for the stop callback of every product, and returns the time from `since` to the last one.
    pub(super) async fn wait_until_stopped(
        &mut self,
        since: Instant,
        within: Duration,
    ) -> Result<Duration, Failure> {
        let mut last = since;
        for _ in &self.guards {
            let stop = tokio::time::timeout(within, self.stops.recv()).await;
            last = last.max(stop.ok().flatten().ok_or_else(|| failed(&"its stop callback was not called"))?);
        }
        Ok(last.saturating_duration_since(since))
    }

    /// Waits until all products run and have a stream.
    pub(super) async fn wait_until_running(&self, within: Duration) -> Result<(), Failure> {
        let runs = |state: &State| *state == State::Active { via: Via::Stream };
        for guard in self.guards.clone() {
            let waits = move || {
                // The authority delays the event of a reinstatement, to spread the heartbeats that follow it.
                guard.heartbeat_now();
                let seen = guard.watch().until(within, runs);
                seen.map(drop).ok_or_else(|| format!("it is {} and has no stream", guard.state()))
            };
            blocking(waits).await?.map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    pub(super) async fn end(self) {
        let end = move || self.guards.iter().for_each(|guard| drop(guard.shutdown()));
        let _ = blocking(end).await;
    }
}

/// A guard blocks its thread.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|error| failed(&error))
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::refused(format!("A product did not run as expected: {error}."))
}
