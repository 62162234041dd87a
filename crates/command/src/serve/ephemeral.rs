//! A server for the tests of a product: its data is gone when it ends, and it ends with the process that started it.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    sync::Arc,
};

use kaching_authority::{DatabaseConfig, Issuer, Options, RootMemory, RootStore, SystemEntropy};
use kaching_base::{LeaseAlgorithm, Seconds, Secret, Timestamp};
use kaching_server::{App, Listeners, config::Config, shutdown};
use serde::Serialize;
use tokio::{
    signal::unix::{SignalKind, signal},
    task::JoinSet,
};

use crate::{failure::Failure, log, open_local, remote::Client};

use super::{Signals, descriptors};
use directory::TemporaryData;
use moved_clock::MovedClock;
use parent::Parent;

mod directory;
mod moved_clock;
mod parent;

/// The settings that differ from the defaults: any free port of loopback, no rates (a test makes the calls of a day in a
/// second), and a log of failures alone.
const SETTINGS: &str = "
[server]
listen = '127.0.0.1:0'
shutdown_timeout_s = 2
[limits]
failures_per_minute = 1000000
activation_per_second = 0
outdated_per_second = 0
license_per_second = 0
validations_per_second = 0
new_fingerprints_per_hour = 0
changes_per_second = 0
address_changes_per_second = 0
token_per_second = 0
reports_per_day = 0
usage_per_day = 0
activations_per_day = 0
audit_per_day = 0
[log]
level = 'error'
";

/// The line on standard output.
#[derive(Serialize)]
struct Ready {
    /// The base of the product API, and of the operator API unless that has an address of its own.
    url: String,
    /// The base of the operator API, if it has an address of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    admin_url: Option<String>,
    /// The root key that products pin.
    root: String,
    /// An API token with every right.
    token: String,
    /// The id of the process.
    pid: u32,
    /// A license key for each plan, by `product:plan`, if sample data was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<BTreeMap<String, String>>,
}

/// Returns the settings of a server for tests. Of the environment, only limits and the log apply: the other variables belong
/// to an authority with data.
pub fn settings(environment: &BTreeMap<String, String>) -> Result<Config, Failure> {
    let apply = |name: &str| ["KACHING_LIMITS__", "KACHING_LOG__"].iter().any(|ours| name.starts_with(ours));
    let environment = environment.iter().filter(|(name, _)| apply(name));
    let environment = environment.map(|(name, value)| (name.clone(), value.clone())).collect();
    Config::read(SETTINGS, &environment, |path| fs::read_to_string(path)).map_err(Failure::from_error)
}

/// Serves a new authority until a signal, or the end of the process that started this one.
///
/// `clock_offset` is added to the machine's time. `seed` fills the authority and returns license keys; it is called with the
/// authority's time. If the clock is moved ahead, that is the machine's time, so that the data is as old as the clock is ahead.
///
/// # Errors
/// If an address, the temporary directory or standard output cannot be used, or `seed` fails.
pub async fn serve_ephemeral<S>(
    mut config: Config,
    environment: &BTreeMap<String, String>,
    clock_offset: Seconds,
    seed: Option<S>,
) -> Result<(), Failure>
where
    S: AsyncFnOnce(&mut Client, Timestamp) -> Result<BTreeMap<String, String>, Failure>,
{
    let parent = Parent::of_this_process();
    let _traces = log::start(&config, environment)?;
    // Fewer connections than the settings allow are enough for a test.
    let _ = descriptors::fit(&mut config);
    let signals = Signals::listen()?;
    let data = TemporaryData::make()?;
    let listeners = Listeners::bind(&config, None).await.map_err(Failure::from_error)?;
    let opening =
        Opening { data: &data, config: &config, listeners: &listeners, root: RootMemory::default() };
    let (app, keys) = opening.open_filled(clock_offset, seed).await?;
    let done = match announce(&app, &data, &listeners, keys) {
        Ok(()) => until_ended(listeners, &app, signals, parent).await,
        Err(failure) => Err(failure),
    };
    app.authority().close().await;
    data.remove();
    done
}

/// The parts with which the authority is opened, twice if the clock moves in between.
struct Opening<'a> {
    data: &'a TemporaryData,
    config: &'a Config,
    listeners: &'a Listeners,
    root: RootMemory,
}

impl Opening<'_> {
    /// Opens the authority with its data, and returns the keys of `seed`.
    async fn open_filled<S>(
        &self,
        clock_offset: Seconds,
        seed: Option<S>,
    ) -> Result<(App, Option<BTreeMap<String, String>>), Failure>
    where
        S: AsyncFnOnce(&mut Client, Timestamp) -> Result<BTreeMap<String, String>, Failure>,
    {
        let Some(seed) = seed else { return Ok((self.open(clock_offset).await?, None)) };
        let ahead = clock_offset > Seconds(0);
        let app = self.open(if ahead { Seconds(0) } else { clock_offset }).await?;
        let now = app.authority().now();
        let keys = seed(&mut Client::of_app(&app), now).await;
        if !ahead && keys.is_ok() {
            return Ok((app, keys.ok()));
        }
        // As after a restart at the later time: what is due then is done by the start.
        app.authority().close().await;
        drop(app);
        let keys = keys?;
        Ok((self.open(clock_offset).await?, Some(keys)))
    }

    async fn open(&self, clock_offset: Seconds) -> Result<App, Failure> {
        let (data, url) = (self.data.directory(), self.listeners.issuer());
        data.make_private("kaching.db")?;
        let issuer = url.as_str().to_owned();
        let options = Options {
            database: DatabaseConfig::sqlite(data.join("kaching.db")),
            directory: data.path().to_owned(),
            master: None,
            root_store: RootStore::Memory(self.root.clone()),
            root_passphrase: Secret::new(String::new()),
            issuer: if self.config.server.public_url.is_some() {
                Issuer::Named(issuer)
            } else {
                Issuer::Default(issuer)
            },
            clock: Arc::new(MovedClock(clock_offset)),
            entropy: Arc::new(SystemEntropy),
        };
        let app = open_local::open_with(options, self.config, url.clone()).await?;
        // The key of the sample data may have ended at the moved time; the schedule would make another one a moment later.
        let ready = app.authority().ensure_signing_key(LeaseAlgorithm::EdDsa).await;
        ready.map_err(Failure::from_error)?;
        Ok(app)
    }
}

/// Prints the line by which a test learns that the server is ready.
fn announce(
    app: &App,
    data: &TemporaryData,
    listeners: &Listeners,
    keys: Option<BTreeMap<String, String>>,
) -> Result<(), Failure> {
    let path = data.directory().join("first-token");
    let token = fs::read_to_string(&path)
        .map_err(|error| Failure::refused(format!("{} cannot be read: {error}.", path.display())))?;
    let ready = Ready {
        url: listeners.issuer().as_str().to_owned(),
        admin_url: listeners.addresses().private.map(|address| format!("http://{address}")),
        root: app.authority().keys().roots.first().map(ToString::to_string).unwrap_or_default(),
        token: token.trim().to_owned(),
        pid: std::process::id(),
        keys,
    };
    let line = serde_json::to_string(&ready)
        .map_err(|error| Failure::refused(format!("The line could not be written as JSON: {error}.")))?;
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.write_all(b"\n")?;
    Ok(out.flush()?)
}

/// Serves until a signal, the end of the parent, or until the database can no longer be trusted.
async fn until_ended(
    listeners: Listeners,
    app: &App,
    mut signals: Signals,
    parent: Parent,
) -> Result<(), Failure> {
    let (stop, asked) = shutdown();
    let serving = listeners.serve(app.clone(), asked);
    // A terminal that is closed would otherwise kill the process before it has removed its files.
    let mut hangup = signal(SignalKind::hangup())?;
    let mut waiting = JoinSet::new();
    waiting.spawn(async move {
        tokio::select! {
            () = signals.requested() => {}
            _ = hangup.recv() => {}
            () = parent.ended() => {}
        }
        stop.now();
    });
    serving.await.map_err(Failure::from_error)
}
