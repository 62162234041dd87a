use std::time::Duration;

use clap::Args;
use serde_json::json;
use tempfile::TempDir;

use super::{
    bench_server::{BenchServer, DatabaseLocation, ServerOptions},
    disk::Disk,
    engines::{Engine, Engines, SQLITE},
    figures::{Figures, rounded},
    heartbeat::HeartbeatCaller,
    load::{LoadPattern, LoadResult, now},
    server_process::ServerProcess,
};
use kaching_command::{failure::Failure, output::show_progress, remote::Path};

mod decoder;
mod hold_streams;
mod listeners;
mod products;

pub use hold_streams::HoldStreams;
use listeners::Listeners;
use products::Products;

/// The time from a change to its delivery on each of many event streams
#[derive(Args)]
pub struct Events {
    /// Streams of one license, divided among the replicas
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=90_000))]
    pub(super) streams: u32,
    /// Servers on one database; more than one needs PostgreSQL
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=5))]
    pub(super) replicas: u32,
    /// Changes, one after the other: the license is suspended, then reinstated
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) changes: u32,
    #[command(flatten)]
    pub(super) engines: Engines,
}

/// The most streams of a process, which each need a file descriptor.
const MAX_STREAMS: u32 = 18_000;
const CONNECTIONS: u32 = 64;
/// A delivery that takes longer counts as lost.
const PATIENCE: Duration = Duration::from_secs(15);

impl Events {
    pub(super) async fn rows(&self, disk: &Disk) -> Result<Vec<Figures>, Failure> {
        if self.streams.div_ceil(self.replicas) > MAX_STREAMS {
            return Err(Failure::usage(format!(
                "A server can have {MAX_STREAMS} streams: ask for fewer, or for more replicas."
            )));
        }
        let several = self.replicas > 1;
        let on_postgres =
            several || self.engines.postgres.is_some() || self.engines.engine == Some(Engine::Postgres);
        if several && self.engines.engine == Some(Engine::Sqlite) {
            return Err(Failure::usage("SQLite has one server: replicas need --engine postgres."));
        }
        let database = if on_postgres { self.engines.database(disk)? } else { None };
        let place = match &database {
            Some(database) => database.location(),
            None if on_postgres => return Ok(Vec::new()),
            None => SQLITE,
        };
        let setting =
            ServerOptions { installations: self.streams.into(), on_one: true, ..ServerOptions::default() };
        let mut server = BenchServer::start(disk, &place, setting).await?;
        let row = self.measure_on(&mut server, &place).await;
        server.remove().await;
        Ok(vec![row?])
    }

    async fn measure_on(
        &self,
        server: &mut BenchServer<'_>,
        place: &DatabaseLocation,
    ) -> Result<Figures, Failure> {
        let leases = leases(server).await?;
        let mut others = Vec::new();
        for _ in 1..self.replicas {
            others.push(replica(server, place).await?);
        }
        let before = memory(server, &others);
        show_progress(&format!("{}: opening {} streams", server.engine, self.streams));
        let addresses: Vec<_> =
            std::iter::once(server.address).chain(others.iter().map(|(server, _)| server.address)).collect();
        let opened = Listeners::open(server.path(), &leases, addresses.clone());
        let listeners = server.disk.unless_interrupted(opened).await?;
        let after = memory(server, &others);
        let products = server.disk.unless_interrupted(Products::start(server, addresses)).await?;
        let mut receivers =
            Receivers { listeners, products, delivered: LoadResult::default(), called_back: None };
        for change in 0..self.changes {
            show_progress(&format!("{}: change {} of {}", server.engine, change + 1, self.changes));
            server.disk.unless_interrupted(self.change(server, &mut receivers, change)).await?;
        }
        let Receivers { listeners, products, delivered: mut measured, called_back } = receivers;
        listeners.close().await;
        products.end().await;
        for (server, _) in others {
            server.stop().await;
        }
        measured.micros.sort_unstable();
        if let Some(error) = &measured.error {
            kaching_command::output::remark(&format!(
                "events: {} deliveries failed, the first: {error}",
                measured.errors
            ));
        }
        let grown =
            after.zip(before).map(|(after, before)| (after - before) * 1024.0 / f64::from(self.streams));
        Ok(Figures {
            engine: Some(server.engine),
            replicas: Some(self.replicas),
            connections: Some(self.streams),
            checks: Some(self.changes.into()),
            errors: measured.errors,
            durable: Some(server.durable()),
            rss_mib: after.map(|mib| rounded(mib, 1)),
            kib_per_stream: grown.map(|kib| rounded(kib, 1)),
            callback_ms: called_back.map(|time| rounded(time.as_secs_f64() * 1e3, 3)),
            ..Figures::named("events").with_latencies(&measured)
        })
    }

    /// Makes a change, and waits until it is delivered on every stream and to every product.
    async fn change(
        &self,
        server: &BenchServer<'_>,
        receivers: &mut Receivers,
        number: u32,
    ) -> Result<(), Failure> {
        let stops = number.is_multiple_of(2);
        let (verb, body) = match stops {
            true => ("suspend", json!({ "reason": "measured" })),
            false => ("reinstate", json!({})),
        };
        let mut client = server.client().await?;
        let path = Path::admin("licenses").then(&server.like.to_string()).then(verb);
        let began = now();
        let changed: kaching_api::License = client.post(path, &body).await?.read()?;
        client.close().await;
        let latencies = receivers.listeners.wait_for_revision(changed.revision, PATIENCE).await?;
        for micros in &latencies {
            receivers.delivered.record(Duration::from_micros(*micros));
        }
        for _ in latencies.len()..self.streams as usize {
            let late = format!("a stream did not deliver {verb} within {} s", PATIENCE.as_secs());
            receivers.delivered.record_error(late);
        }
        if stops {
            let last = receivers.products.wait_until_stopped(began, PATIENCE).await?;
            receivers.called_back = receivers.called_back.max(Some(last));
            Ok(())
        } else {
            receivers.products.wait_until_running(PATIENCE).await
        }
    }
}

/// The receivers of changes, and the latencies so far.
struct Receivers {
    listeners: Listeners,
    products: Products,
    /// From the change to the bytes of the event.
    delivered: LoadResult,
    /// The longest time from the operator's request to the last callback of a product.
    called_back: Option<Duration>,
}

/// Returns a lease of each installation, with which it opens its stream.
async fn leases(server: &mut BenchServer<'_>) -> Result<Vec<String>, Failure> {
    show_progress(&format!("{}: each installation gets a lease", server.engine));
    let callers = HeartbeatCaller::share_out(server, CONNECTIONS)
        .into_iter()
        .map(HeartbeatCaller::for_leases)
        .collect();
    let (measured, callers) = server.load(callers, LoadPattern::All).await?;
    let leases: Vec<String> = callers
        .into_iter()
        .flat_map(HeartbeatCaller::into_installations)
        .map(|one| one.lease)
        .filter(|lease| !lease.is_empty())
        .collect();
    match measured.error {
        Some(error) => Err(Failure::refused(format!("The installations got no leases: {error}."))),
        None => Ok(leases),
    }
}

/// Starts another server on the same database, with the same master key.
async fn replica(
    server: &BenchServer<'_>,
    place: &DatabaseLocation,
) -> Result<(ServerProcess, TempDir), Failure> {
    let dir = server.disk.create_folder()?;
    let address = server.configure_replica(dir.path(), place.url.as_deref())?;
    let server = server.disk.unless_interrupted(ServerProcess::start(dir.path(), address)).await?;
    Ok((server, dir))
}

fn memory(server: &BenchServer<'_>, others: &[(ServerProcess, TempDir)]) -> Option<f64> {
    let mut sum = server.rss_mib()?;
    for (server, _) in others {
        sum += server.rss_mib()?;
    }
    Some(sum)
}
