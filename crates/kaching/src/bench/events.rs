use std::time::Duration;

use clap::Args;
use serde_json::json;
use tempfile::TempDir;

use super::{
    disk::{Disk, tell},
    engines::{Engine, Engines, SQLITE},
    figures::{Figures, rounded},
    heartbeat::Beating,
    load::{Measure, Measured, now},
    server::Server,
    stand::{Place, Setting, Stand},
};
use crate::{failure::Failure, remote::Path};

mod decode;
mod listeners;
mod listening;
mod products;

use listeners::Listeners;
pub(crate) use listening::Listening;
use products::Products;

/// How long a change takes to all who wait for it, over one stream each
#[derive(Args)]
pub(crate) struct Events {
    /// Streams of one license, shared out among the replicas
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=90_000))]
    pub(super) streams: u32,
    /// Servers on one database; more than one need PostgreSQL
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=5))]
    pub(super) replicas: u32,
    /// Changes that are made, one after the other: the license is suspended, and reinstated
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(super) changes: u32,
    #[command(flatten)]
    pub(super) engines: Engines,
}

/// A process may have so many files open, on the one side and on the other.
const MOST: u32 = 18_000;
const CONNECTIONS: u32 = 64;
/// What has not come after this is lost.
const PATIENCE: Duration = Duration::from_secs(15);

impl Events {
    pub(super) async fn rows(&self, disk: &Disk) -> Result<Vec<Figures>, Failure> {
        if self.streams.div_ceil(self.replicas) > MOST {
            return Err(Failure::usage(format!(
                "A server and whoever listens to it can have {MOST} streams each: ask for fewer, or for more replicas."
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
            Some(database) => database.place(),
            None if on_postgres => return Ok(Vec::new()),
            None => SQLITE,
        };
        let setting = Setting { installations: self.streams.into(), on_one: true, ..Setting::default() };
        let mut stand = Stand::set(disk, &place, setting).await?;
        let row = self.on(&mut stand, &place).await;
        stand.strike().await;
        Ok(vec![row?])
    }

    async fn on(&self, stand: &mut Stand<'_>, place: &Place) -> Result<Figures, Failure> {
        let leases = leases(stand).await?;
        let mut others = Vec::new();
        for _ in 1..self.replicas {
            others.push(replica(stand, place).await?);
        }
        let before = memory(stand, &others);
        tell(&format!("{}: {} streams are opened", stand.engine, self.streams));
        let addresses: Vec<_> =
            std::iter::once(stand.address).chain(others.iter().map(|(server, _)| server.address)).collect();
        let opened = Listeners::open(stand.path(), &leases, addresses.clone());
        let listeners = stand.disk.unless_interrupted(opened).await?;
        let after = memory(stand, &others);
        let products = stand.disk.unless_interrupted(Products::start(stand, addresses)).await?;
        let mut hearing = Hearing { listeners, products, delivered: Measured::default(), called_back: None };
        for change in 0..self.changes {
            tell(&format!("{}: change {} of {}", stand.engine, change + 1, self.changes));
            stand.disk.unless_interrupted(self.change(stand, &mut hearing, change)).await?;
        }
        let Hearing { listeners, products, delivered: mut measured, called_back } = hearing;
        listeners.close().await;
        products.end().await;
        for (server, _) in others {
            server.end().await;
        }
        measured.micros.sort_unstable();
        if let Some(error) = &measured.error {
            crate::output::remark(&format!(
                "events: {} deliveries failed, the first: {error}",
                measured.errors
            ));
        }
        let grown =
            after.zip(before).map(|(after, before)| (after - before) * 1024.0 / f64::from(self.streams));
        Ok(Figures {
            engine: Some(stand.engine),
            replicas: Some(self.replicas),
            connections: Some(self.streams),
            checks: Some(self.changes.into()),
            errors: measured.errors,
            durable: Some(stand.durable()),
            rss_mib: after.map(|mib| rounded(mib, 1)),
            kib_per_stream: grown.map(|kib| rounded(kib, 1)),
            callback_ms: called_back.map(|time| rounded(time.as_secs_f64() * 1e3, 3)),
            ..Figures::named("events").times(&measured)
        })
    }

    /// Makes a change, and waits until all have heard of it.
    async fn change(&self, stand: &Stand<'_>, hearing: &mut Hearing, number: u32) -> Result<(), Failure> {
        let stops = number.is_multiple_of(2);
        let (verb, body) = match stops {
            true => ("suspend", json!({ "reason": "measured" })),
            false => ("reinstate", json!({})),
        };
        let mut client = stand.client().await?;
        let path = Path::admin("licenses").then(&stand.like.to_string()).then(verb);
        let began = now();
        let changed: kaching_api::License = client.post(path, &body).await?.read()?;
        client.close().await;
        let heard = hearing.listeners.heard(changed.revision, PATIENCE).await?;
        for micros in &heard {
            hearing.delivered.took(Duration::from_micros(*micros));
        }
        for _ in heard.len()..self.streams as usize {
            let late = format!("a stream did not tell of {verb} within {} s", PATIENCE.as_secs());
            hearing.delivered.wrong(late);
        }
        if stops {
            let last = hearing.products.stopped(began, PATIENCE).await?;
            hearing.called_back = hearing.called_back.max(Some(last));
            Ok(())
        } else {
            hearing.products.run(PATIENCE).await
        }
    }
}

/// Those who are to hear of a change, and how long it took to them.
struct Hearing {
    listeners: Listeners,
    products: Products,
    /// From the change to the bytes.
    delivered: Measured,
    /// From the operator's request to the last product's callback, at most.
    called_back: Option<Duration>,
}

/// A first lease of each installation: what opens its stream.
async fn leases(stand: &mut Stand<'_>) -> Result<Vec<String>, Failure> {
    tell(&format!("{}: each gets a lease", stand.engine));
    let callers = Beating::share(stand, CONNECTIONS).into_iter().map(Beating::for_leases).collect();
    let (measured, callers) = stand.load(callers, Measure::All).await?;
    let leases: Vec<String> = callers
        .into_iter()
        .flat_map(Beating::back)
        .map(|one| one.lease)
        .filter(|lease| !lease.is_empty())
        .collect();
    match measured.error {
        Some(error) => Err(Failure::refused(format!("The installations got no leases: {error}."))),
        None => Ok(leases),
    }
}

/// Another server on the same database, with the same master key.
async fn replica(stand: &Stand<'_>, place: &Place) -> Result<(Server, TempDir), Failure> {
    let dir = stand.disk.folder()?;
    let address = stand.beside(dir.path(), place.url.as_deref())?;
    let server = stand.disk.unless_interrupted(Server::start(dir.path(), address)).await?;
    Ok((server, dir))
}

fn memory(stand: &Stand<'_>, others: &[(Server, TempDir)]) -> Option<f64> {
    let mut sum = stand.rss_mib()?;
    for (server, _) in others {
        sum += server.rss_mib()?;
    }
    Some(sum)
}
