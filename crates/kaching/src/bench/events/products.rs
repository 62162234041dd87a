use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use kaching_client::{Fingerprint, Guard, LicenseKey, State, Via};
use tokio::sync::mpsc::{self, UnboundedReceiver};

use super::super::{
    load::now,
    stand::{PRODUCT, Stand},
};
use crate::failure::Failure;

/// Products of the same license, one at each server: the client that products carry, up to its callback.
pub(super) struct Products {
    guards: Vec<Guard>,
    /// When one of them was told to stop.
    stops: UnboundedReceiver<Instant>,
}

impl Products {
    /// Starts them, and waits until each has its stream.
    pub(super) async fn start(stand: &Stand<'_>, servers: Vec<SocketAddr>) -> Result<Self, Failure> {
        let (told, stops) = mpsc::unbounded_channel();
        let key = stand.keys.last().map(|key| key.expose().to_owned()).unwrap_or_default();
        let mut builders = Vec::new();
        for (at, server) in servers.into_iter().enumerate() {
            let told = told.clone();
            let name = format!("product-{at}");
            builders.push(
                Guard::builder(&format!("http://{server}"), &stand.root)
                    .product(PRODUCT)
                    .license_key(LicenseKey::new(&key))
                    .fingerprint(Fingerprint::custom(&name).map_err(|error| failed(&error))?)
                    .state_dir(stand.path().join(name))
                    .on_stop(move |_| {
                        // Nobody listens any more once all are to end.
                        let _ = told.send(now());
                    }),
            );
        }
        let start = || builders.into_iter().map(kaching_client::Builder::start).collect::<Result<_, _>>();
        let guards = blocking(start).await?.map_err(|error| failed(&error))?;
        let products = Self { guards, stops };
        products.run(Duration::from_secs(60)).await?;
        Ok(products)
    }

    /// Waits until the last of them was told to stop; how long after this moment that was.
    pub(super) async fn stopped(&mut self, since: Instant, within: Duration) -> Result<Duration, Failure> {
        let mut last = since;
        for _ in &self.guards {
            let stop = tokio::time::timeout(within, self.stops.recv()).await;
            last = last.max(stop.ok().flatten().ok_or_else(|| failed(&"it was not told to stop"))?);
        }
        Ok(last.saturating_duration_since(since))
    }

    /// Waits until all of them run, and have a stream.
    pub(super) async fn run(&self, within: Duration) -> Result<(), Failure> {
        let runs = |state: &State| *state == State::Active { via: Via::Stream };
        for guard in self.guards.clone() {
            let waits = move || {
                // What is better again is told with time to spread what follows of it.
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

/// A guard blocks its thread, as it does in a product.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Failure> {
    tokio::task::spawn_blocking(work).await.map_err(|error| failed(&error))
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::refused(format!("A product did not run as it should: {error}."))
}
