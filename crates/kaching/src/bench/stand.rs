//! A temporary authority that serves, with something sold on it.

use std::{
    collections::BTreeMap,
    io::{self, IsTerminal as _, Write as _},
    net::SocketAddr,
    path::{Path as FilePath, PathBuf},
    sync::Arc,
};

use kaching_api::{License, SecretText};
use kaching_base::Secret;
use kaching_license::{Digest, Expected, Moment, TrustedKeyset};
use kaching_server::{App, Listeners, ServeError, Shutdown, Stop, config::Config, shutdown};
use rustix::fs::FsWord;
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinSet;

use super::load::{self, Caller, Measure, Measured};
use crate::{
    data::{DataDir, Owned},
    failure::Failure,
    opened,
    remote::{Choice, Missing, Path},
    settings::sentence,
};

/// The code of the product that is sold.
pub(super) const PRODUCT: &str = "bench";
/// A feature that its plan has.
pub(super) const FEATURE: &str = "federation";
/// A license is one row, which activations lock in turn: there are some, so that they do not all wait for one.
const LICENSES: usize = 64;

/// Where everything is written that a measurement writes.
pub(super) struct Disk {
    path: PathBuf,
    /// Whether what is written there is in memory only.
    volatile: bool,
    pub(super) interrupted: Shutdown,
}

/// A temporary authority, gone with this.
pub(super) struct Stand {
    pub(super) engine: &'static str,
    pub(super) address: SocketAddr,
    pub(super) app: App,
    /// The keys of licenses without a limit of slots.
    pub(super) keys: Vec<SecretText>,
    /// What verifies the authority's statements.
    pub(super) trusted: Arc<TrustedKeyset>,
    durable: bool,
    serving: JoinSet<Result<(), ServeError>>,
    stop: Stop,
    interrupted: Shutdown,
    _owned: Owned,
    dir: TempDir,
}

impl Disk {
    /// `TMPDIR`, or where temporary files are kept that are too large for memory.
    pub(super) fn choose(interrupted: Shutdown) -> Result<Self, Failure> {
        let named = std::env::var_os("TMPDIR").filter(|path| !path.is_empty());
        let path = named.map_or_else(|| PathBuf::from("/var/tmp"), PathBuf::from);
        let system = rustix::fs::statfs(&path).map_err(|error| {
            Failure::refused(format!(
                "{} cannot be used ({error}): name a directory on the disk to be measured with TMPDIR.",
                path.display()
            ))
        })?;
        let volatile = [TMPFS, RAMFS].contains(&system.f_type);
        Ok(Self { path, volatile, interrupted })
    }

    pub(super) fn path(&self) -> &FilePath {
        &self.path
    }
}

/// The file systems that lose everything with the power, by the numbers of statfs(2).
const TMPFS: FsWord = 0x0102_1994;
const RAMFS: FsWord = 0x8584_58f6;

impl Stand {
    pub(super) async fn sqlite(disk: &Disk) -> Result<Self, Failure> {
        Self::set("sqlite", disk, None, true).await
    }

    /// On a database of this URL; `on_disk` says whether that is on the same disk.
    pub(super) async fn postgres(disk: &Disk, url: String, on_disk: bool) -> Result<Self, Failure> {
        Self::set("postgres", disk, Some(url), on_disk).await
    }

    async fn set(
        engine: &'static str,
        disk: &Disk,
        url: Option<String>,
        on_disk: bool,
    ) -> Result<Self, Failure> {
        tell(&format!("{engine}: a temporary authority starts"));
        let made = |error: io::Error| {
            Failure::refused(format!("A directory in {} cannot be made: {error}.", disk.path.display()))
        };
        let dir = tempfile::Builder::new().prefix("kaching-bench-").tempdir_in(&disk.path).map_err(made)?;
        let data = DataDir::locate(Some(dir.path().to_owned()))?;
        data.make()?;
        let owned = data.own().map_err(|taken| taken.sentence(&data))?;
        let mut config = loopback()?;
        config.database.url = url.map(Secret::new);
        let listeners = bind(&config, &data).await?;
        let address = listeners.addresses().product;
        let app = opened::open(&data, &config, listeners.issuer().clone(), true).await?;
        let durable = app.authority().is_durable().await.map_err(|error| sentence(&error.to_string()))?;
        let (stop, asked) = shutdown();
        let mut serving = JoinSet::new();
        serving.spawn(listeners.serve(app.clone(), asked));
        let ring = app.authority().keys();
        let keyset = ring.keysets.first().map(String::as_str).unwrap_or_default();
        let trusted = TrustedKeyset::verify(keyset, &ring.roots, None, Moment::Answer)
            .map_err(|error| sentence(&error.to_string()))?;
        let mut stand = Self {
            engine,
            address,
            app,
            keys: Vec::new(),
            trusted: Arc::new(trusted),
            durable: durable && !(on_disk && disk.volatile),
            serving,
            stop,
            interrupted: disk.interrupted.clone(),
            _owned: owned,
            dir,
        };
        match sell(&data).await {
            Ok(keys) => stand.keys = keys,
            Err(failure) => {
                stand.strike().await;
                return Err(failure);
            }
        }
        Ok(stand)
    }

    /// Waits for a part of a measurement, unless the whole is interrupted.
    pub(super) async fn unless_interrupted<T>(
        &self,
        part: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let mut interrupted = self.interrupted.clone();
        tokio::select! {
            done = part => done,
            () = interrupted.asked() => Err(Failure::refused("Interrupted: nothing was measured.")),
        }
    }

    /// Puts the load on the authority.
    pub(super) async fn load<C: Caller>(
        &self,
        callers: Vec<C>,
        measure: Measure,
    ) -> Result<(Measured, Vec<C>), Failure> {
        self.unless_interrupted(load::run(self.address, callers, measure)).await
    }

    /// Whether what the authority acknowledges is on disk: as its database says of the connection that commits, and where
    /// that is known, on a disk that is one.
    pub(super) fn durable(&self) -> bool {
        self.durable
    }

    /// A place for files beside the authority's.
    pub(super) fn path(&self) -> &FilePath {
        self.dir.path()
    }

    /// The line that a product pins.
    pub(super) fn root(&self) -> String {
        self.app.authority().keys().roots.first().map(ToString::to_string).unwrap_or_default()
    }

    /// Ends the authority in good order, and removes what it wrote.
    pub(super) async fn strike(mut self) {
        tell("");
        self.stop.now();
        while self.serving.join_next().await.is_some() {}
        self.app.authority().close().await;
    }
}

/// The settings of a server on any free port of this machine.
pub(super) fn loopback() -> Result<Config, Failure> {
    // Fewer installations than a vendor has call for all of them: each is counted, and none is over its limit.
    let settings = "server.listen = '127.0.0.1:0'
                    limits.activation_burst = 1_000_000
                    limits.license_burst = 100_000_000
                    limits.unlimited_slots = 100_000_000
                    limits.token_burst = 100_000_000";
    let config = Config::read(settings, &BTreeMap::new(), |path| std::fs::read_to_string(path));
    config.map_err(|error| sentence(&error.to_string()))
}

async fn bind(config: &Config, data: &DataDir) -> Result<Listeners, Failure> {
    Listeners::bind(config, Some(data.path())).await.map_err(|error| sentence(&error.to_string()))
}

/// A product with a plan, and a customer who bought licenses of it; their keys.
pub(super) async fn sell(data: &DataDir) -> Result<Vec<SecretText>, Failure> {
    let choice =
        Choice { server: None, token: None, ca: None, data: data.clone(), environment: BTreeMap::new() };
    let mut client = choice.client(Missing::Refuse).await?;
    for (plural, body) in [
        ("products", json!({ "code": PRODUCT, "name": "Bench" })),
        (
            "features",
            json!({ "product": PRODUCT, "code": FEATURE, "title": "Federation", "benefit": "Link clusters" }),
        ),
        (
            "plans",
            json!({
                "product": PRODUCT, "code": "team", "name": "Team", "term_days": 365, "features": [FEATURE],
                "limits": {
                    "activations": { "kind": "slots", "max": null },
                    "nodes": { "kind": "level", "max": 25 },
                },
            }),
        ),
        ("customers", json!({ "name": "Acme", "reference": "CUST-001" })),
    ] {
        client.post(Path::admin(plural), &body).await?;
    }
    let license = json!({ "customer": "CUST-001", "product": PRODUCT, "plan": "team" });
    let mut keys = Vec::with_capacity(LICENSES);
    for _ in 0..LICENSES {
        let made: License = client.post(Path::admin("licenses"), &license).await?.read()?;
        keys.extend(made.key);
    }
    client.close().await;
    Ok(keys)
}

/// What a statement must say that answers this request.
pub(super) fn answer_to(request: Digest) -> Expected<'static> {
    Expected { req: Some(request), aud: Some(PRODUCT), ..Expected::default() }
}

/// How far a measurement is, on a terminal only: a line that changes, and goes in the end.
pub(super) fn tell(progress: &str) {
    let mut terminal = io::stderr().lock();
    if terminal.is_terminal() {
        // Progress that cannot be shown is no reason to stop.
        let _ = write!(terminal, "\r\u{1b}[2K{progress}").and_then(|()| terminal.flush());
    }
}
