//! A temporary authority that serves in a process of its own, with a product and licenses.

use std::{
    collections::BTreeMap, fs::OpenOptions, io::Write as _, net::SocketAddr,
    os::unix::fs::OpenOptionsExt as _, path::Path as FilePath, sync::Arc,
};

use kaching_api::{SecretText, Stats};
use kaching_base::LicenseId;
use kaching_license::{Credential, Digest, Expected, Moment, TrustedKeyset};
use kaching_server::App;
use tempfile::TempDir;

use super::{
    disk::Disk,
    load::{self, Caller, LoadPattern, LoadResult},
    server_process::{Algorithm, ServerProcess, free_address},
};
use kaching_command::{
    data_dir::DataDir,
    failure::Failure,
    open_local,
    output::show_progress,
    remote::{AuthorityTarget, Client, IfMissing, Path},
    settings,
};

mod fill;
mod fixture;

pub(super) use fixture::{FEATURE, Fixture, PRODUCT, SCARCE};

/// The setup of a bench server.
#[derive(Clone, Copy, Default)]
pub(super) struct ServerOptions {
    /// The algorithm that signs its leases.
    pub(super) algorithm: Algorithm,
    /// The number of installations at the start: ten on each license, or all on one if `on_one`.
    pub(super) installations: u64,
    pub(super) on_one: bool,
}

/// The address of a database.
pub(super) struct DatabaseLocation {
    pub(super) engine: &'static str,
    /// The URL of PostgreSQL. `None` is SQLite in the data directory.
    pub(super) url: Option<String>,
    /// Whether it is on the disk that is measured.
    pub(super) on_disk: bool,
}

/// A temporary authority. Its process and its files are removed when this is dropped.
pub(super) struct BenchServer<'d> {
    pub(super) engine: &'static str,
    pub(super) address: SocketAddr,
    /// The keys of licenses without a limit of slots.
    pub(super) keys: Vec<SecretText>,
    /// The key of the license with [`SCARCE`] slots.
    pub(super) scarce: SecretText,
    /// Verifies the authority's statements.
    pub(super) trusted: Arc<TrustedKeyset>,
    /// The line that a product pins.
    pub(super) root: String,
    /// The installations that the load uses: all, or an even sample of them.
    pub(super) installations: Vec<Installation>,
    /// The number of installations in the database.
    pub(super) filled: u64,
    pub(super) disk: &'d Disk,
    pub(super) process: Option<ServerProcess>,
    /// The license that new licenses copy, or that has all installations if `on_one`.
    pub(super) like: LicenseId,
    /// The licenses of `keys`, and how many installations each was filled with.
    licenses: (Vec<LicenseId>, u32),
    /// One of this many installations is in the sample.
    step: usize,
    setting: ServerOptions,
    durable: bool,
    /// The URL of PostgreSQL.
    url: Option<String>,
    /// The name and version of the database.
    pub(super) version: String,
    data: DataDir,
    dir: TempDir,
}

/// An installation that was activated, and how often its heartbeats were answered.
#[derive(Clone)]
pub(super) struct Installation {
    pub(super) credential: Credential,
    /// The digest of its fingerprint, which heartbeats carry.
    pub(super) fpr: String,
    pub(super) number: u64,
    /// Its last lease. Empty unless the caller keeps leases.
    pub(super) lease: String,
}

/// Settings that take the limits away: few installations send the calls of many, and a limit would end the measurement.
/// Three of four connections may be streams.
const SETTINGS: &str = "max_connections = 25000
[limits]
activation_burst = 1_000_000
license_burst = 100_000_000
unlimited_slots = 100_000_000
validations_per_second = 0
changes_per_second = 0
address_changes_per_second = 0
places_percent = 100
token_burst = 100_000_000
";

impl<'d> BenchServer<'d> {
    pub(super) async fn start(
        disk: &'d Disk,
        place: &DatabaseLocation,
        setting: ServerOptions,
    ) -> Result<Self, Failure> {
        let engine = place.engine;
        show_progress(&format!("{engine}: a temporary authority starts"));
        let dir = disk.create_folder()?;
        let data = DataDir::locate(Some(dir.path().to_owned()))?;
        let address = free_address()?;
        configure(&data, address, address, place.url.as_deref())?;
        let fixture = create_fixture(&data, setting.algorithm).await?;
        let (app, owned) = open(&data).await?;
        let durable = app.authority().is_durable().await.map_err(Failure::from_error)?;
        let version = app.authority().database_version().await.map_err(Failure::from_error)?;
        let ring = app.authority().keys();
        let keyset = ring.keysets.first().map(String::as_str).unwrap_or_default();
        let trusted =
            TrustedKeyset::verify(keyset, &ring.roots, None, Moment::Answer).map_err(Failure::from_error)?;
        let root = ring.roots.first().map(ToString::to_string).unwrap_or_default();
        let mut server = Self {
            engine,
            address,
            keys: fixture.keys,
            scarce: fixture.scarce,
            trusted: Arc::new(trusted),
            root,
            installations: Vec::new(),
            filled: 0,
            disk,
            process: None,
            like: fixture.like,
            licenses: (fixture.licenses, 0),
            step: 1,
            setting,
            durable: durable && !(place.on_disk && disk.volatile),
            url: place.url.clone(),
            version,
            data,
            dir,
        };
        let filled = server.fill(&app, setting.installations).await;
        app.authority().close().await;
        drop(owned);
        filled?;
        // A database that grew over years was vacuumed; a freshly filled one was not.
        server.vacuum()?;
        server.start_process().await?;
        Ok(server)
    }

    async fn start_process(&mut self) -> Result<(), Failure> {
        self.process =
            Some(self.disk.unless_interrupted(ServerProcess::start(self.data.path(), self.address)).await?);
        Ok(())
    }

    /// Stops the process, fills the database up to this many installations, and starts the process again.
    pub(super) async fn grow_to(&mut self, installations: u64) -> Result<(), Failure> {
        if self.filled >= installations {
            return Ok(());
        }
        self.stop().await;
        let (app, owned) = open(&self.data).await?;
        let filled = self.fill(&app, installations).await;
        app.authority().close().await;
        drop(owned);
        filled?;
        self.start_process().await
    }

    /// As [`grow_to`](Self::grow_to), on each license that has a key.
    pub(super) async fn grow_each_license_to(&mut self, installations: u32) -> Result<(), Failure> {
        self.stop().await;
        let (app, owned) = open(&self.data).await?;
        let filled = self.fill_each(&app, installations).await;
        app.authority().close().await;
        drop(owned);
        filled?;
        self.start_process().await
    }

    /// Vacuums PostgreSQL, as autovacuum does each minute. SQLite needs no vacuum: it reuses free pages immediately.
    pub(super) fn vacuum(&self) -> Result<(), Failure> {
        let Some(url) = &self.url else { return Ok(()) };
        kaching_private_postgres::vacuum(url).map_err(Failure::from_error)
    }

    /// Returns the size of the database in bytes. The process is stopped and started again for it.
    pub(super) async fn size(&mut self) -> Result<u64, Failure> {
        self.stop().await;
        self.vacuum()?;
        let (app, owned) = open(&self.data).await?;
        let size = app.authority().database_size().await;
        app.authority().close().await;
        drop(owned);
        self.start_process().await?;
        size.map_err(Failure::from_error)
    }

    /// Runs a load against the server, and returns the callers with the result.
    pub(super) async fn load<C: Caller>(
        &self,
        callers: Vec<C>,
        measure: LoadPattern,
    ) -> Result<(LoadResult, Vec<C>), Failure> {
        self.disk.unless_interrupted(load::run(self.address, callers, measure)).await
    }

    /// Returns a client of the admin API.
    pub(super) async fn client(&self) -> Result<Client, Failure> {
        target(&self.data).connect(IfMissing::Refuse).await
    }

    /// Returns the number of installations that hold a slot, as the authority counts them.
    pub(super) async fn count_activations(&self) -> Result<u64, Failure> {
        let mut client = self.client().await?;
        let stats: Stats = client.get(Path::admin("stats")).await?.read()?;
        client.close().await;
        Ok(stats.activations)
    }

    /// Returns the token that the first start created.
    pub(super) fn token(&self) -> Result<String, Failure> {
        let text = std::fs::read_to_string(self.data.join("first-token"));
        let text =
            text.map_err(|error| Failure::refused(format!("The first token cannot be read: {error}.")))?;
        Ok(text.trim().to_owned())
    }

    /// Whether an acknowledged change is on disk, by the settings of the database and the kind of file system.
    pub(super) fn durable(&self) -> bool {
        self.durable
    }

    /// Returns the directory of the authority, for files of the measurement.
    pub(super) fn path(&self) -> &FilePath {
        self.dir.path()
    }

    /// Writes the settings of another server on the same database, with the same master key, and returns its address.
    pub(super) fn configure_replica(&self, dir: &FilePath, url: Option<&str>) -> Result<SocketAddr, Failure> {
        let (data, address) = (DataDir::locate(Some(dir.to_owned()))?, free_address()?);
        configure(&data, address, self.address, url)?;
        let copied = std::fs::copy(self.data.join("master.key"), data.join("master.key"));
        copied.map_err(|error| Failure::refused(format!("The master key cannot be copied: {error}.")))?;
        Ok(address)
    }

    pub(super) fn rss_mib(&self) -> Option<f64> {
        self.process.as_ref().and_then(ServerProcess::rss_mib)
    }

    /// Stops the process in good order.
    pub(super) async fn stop(&mut self) {
        if let Some(server) = self.process.take() {
            server.stop().await;
        }
    }

    /// Stops the process and removes its files.
    pub(super) async fn remove(mut self) {
        show_progress("");
        self.stop().await;
    }
}

/// Writes the settings to a file, since other users can read arguments in the list of processes. Every server of one
/// authority has the public URL of the first.
pub(super) fn configure(
    data: &DataDir,
    address: SocketAddr,
    first: SocketAddr,
    url: Option<&str>,
) -> Result<(), Failure> {
    data.make()?;
    let mut text = format!("[server]\nlisten = \"{address}\"\npublic_url = \"http://{first}\"\n{SETTINGS}");
    if let Some(url) = url {
        text.push_str(&format!("[database]\nurl = '{url}'\n"));
    }
    let path = data.join("config.toml");
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| {
        Failure::refused(format!("The settings of a measurement cannot be written: {error}."))
    })
}

fn target(data: &DataDir) -> AuthorityTarget {
    AuthorityTarget { server: None, token: None, ca: None, data: data.clone(), environment: BTreeMap::new() }
}

/// Creates the fixture, through the server of the directory, or in this process if none serves.
pub(super) async fn create_fixture(data: &DataDir, algorithm: Algorithm) -> Result<Fixture, Failure> {
    let mut client = target(data).connect(IfMissing::Create).await?;
    let fixture = fixture::create(&mut client, algorithm).await;
    client.close().await;
    fixture
}

/// Opens the authority in this process, while no server has it.
pub(super) async fn open(data: &DataDir) -> Result<(App, kaching_command::data_dir::DataDirLock), Failure> {
    let owned = data.lock().map_err(|taken| taken.into_failure(data))?;
    let config = settings::read(data, &BTreeMap::new())?;
    let issuer = config.issuer(config.server.listen);
    Ok((open_local::open(data, &config, issuer).await?, owned))
}

/// Returns what a statement that answers this request must say.
pub(super) fn answer_to(request: Digest) -> Expected<'static> {
    Expected { req: Some(request), aud: Some(PRODUCT), ..Expected::default() }
}
