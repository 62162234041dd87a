//! A temporary authority that serves in a process of its own, with something sold on it.

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
    disk::{Disk, tell},
    load::{self, Caller, Measure, Measured},
    server::{Algorithm, Server, free},
};
use crate::{
    data::DataDir,
    failure::Failure,
    opened,
    remote::{Choice, Client, Missing, Path},
    settings::{self, sentence},
};

mod filled;
mod sold;

pub(super) use sold::{FEATURE, PRODUCT, SCARCE, Sold};

/// What a stand is set up with.
#[derive(Clone, Copy, Default)]
pub(super) struct Setting {
    /// What its leases are signed with.
    pub(super) algorithm: Algorithm,
    /// Installations that are there from the start, ten on each license unless all are to be on one.
    pub(super) installations: u64,
    pub(super) on_one: bool,
}

/// Where its database is.
pub(super) struct Place {
    pub(super) engine: &'static str,
    /// Of PostgreSQL; SQLite keeps its own in the data directory.
    pub(super) url: Option<String>,
    /// Whether it is on the same disk.
    pub(super) on_disk: bool,
}

/// A temporary authority, gone with this.
pub(super) struct Stand<'d> {
    pub(super) engine: &'static str,
    pub(super) address: SocketAddr,
    /// The keys of licenses without a limit of slots.
    pub(super) keys: Vec<SecretText>,
    /// The key of one that has a hundred.
    pub(super) scarce: SecretText,
    /// What verifies the authority's statements.
    pub(super) trusted: Arc<TrustedKeyset>,
    /// The line that a product pins.
    pub(super) root: String,
    /// Installations that were filled in: all, or as many as are enough, evenly taken from all.
    pub(super) installations: Vec<Installation>,
    /// How many there are.
    pub(super) filled: u64,
    pub(super) disk: &'d Disk,
    pub(super) server: Option<Server>,
    /// The license that the others are like, or that has them all.
    pub(super) like: LicenseId,
    /// The licenses of the keys, and how many installations each was filled with.
    licenses: (Vec<LicenseId>, u32),
    /// Of so many installations one is kept.
    step: usize,
    setting: Setting,
    durable: bool,
    /// Of PostgreSQL.
    url: Option<String>,
    /// The database's.
    pub(super) version: String,
    data: DataDir,
    dir: TempDir,
}

/// An installation that was activated, and how often its heartbeats were answered.
#[derive(Clone)]
pub(super) struct Installation {
    pub(super) credential: Credential,
    /// What its heartbeats name it by.
    pub(super) fpr: String,
    pub(super) number: u64,
    /// Its last lease, where somebody keeps it.
    pub(super) lease: String,
}

/// What a server is told that is measured, not protected.
///
/// Fewer installations than a vendor has call for all of them: each is counted, and none is over its limit. Three of four
/// connections may be streams.
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

impl<'d> Stand<'d> {
    pub(super) async fn set(disk: &'d Disk, place: &Place, setting: Setting) -> Result<Self, Failure> {
        let engine = place.engine;
        tell(&format!("{engine}: a temporary authority starts"));
        let dir = disk.folder()?;
        let data = DataDir::locate(Some(dir.path().to_owned()))?;
        let address = free()?;
        configure(&data, address, address, place.url.as_deref())?;
        let sold = sell(&data, setting.algorithm).await?;
        let (app, owned) = open(&data).await?;
        let durable = app.authority().is_durable().await.map_err(|error| sentence(&error.to_string()))?;
        let version =
            app.authority().database_version().await.map_err(|error| sentence(&error.to_string()))?;
        let ring = app.authority().keys();
        let keyset = ring.keysets.first().map(String::as_str).unwrap_or_default();
        let trusted = TrustedKeyset::verify(keyset, &ring.roots, None, Moment::Answer)
            .map_err(|error| sentence(&error.to_string()))?;
        let root = ring.roots.first().map(ToString::to_string).unwrap_or_default();
        let mut stand = Self {
            engine,
            address,
            keys: sold.keys,
            scarce: sold.scarce,
            trusted: Arc::new(trusted),
            root,
            installations: Vec::new(),
            filled: 0,
            disk,
            server: None,
            like: sold.like,
            licenses: (sold.licenses, 0),
            step: 1,
            setting,
            durable: durable && !(place.on_disk && disk.volatile),
            url: place.url.clone(),
            version,
            data,
            dir,
        };
        let filled = stand.fill(&app, setting.installations).await;
        app.authority().close().await;
        drop(owned);
        filled?;
        // What was sold over years is not as a database is in the minute after it was filled.
        stand.vacuum()?;
        stand.start().await?;
        Ok(stand)
    }

    async fn start(&mut self) -> Result<(), Failure> {
        self.server =
            Some(self.disk.unless_interrupted(Server::start(self.data.path(), self.address)).await?);
        Ok(())
    }

    /// Ends the server, fills the database up to so many installations, and starts it again.
    pub(super) async fn grow(&mut self, installations: u64) -> Result<(), Failure> {
        if self.filled >= installations {
            return Ok(());
        }
        self.end().await;
        let (app, owned) = open(&self.data).await?;
        let filled = self.fill(&app, installations).await;
        app.authority().close().await;
        drop(owned);
        filled?;
        self.start().await
    }

    /// As [`grow`](Self::grow), with so many on each license that has a key.
    pub(super) async fn grow_each(&mut self, installations: u32) -> Result<(), Failure> {
        self.end().await;
        let (app, owned) = open(&self.data).await?;
        let filled = self.fill_each(&app, installations).await;
        app.authority().close().await;
        drop(owned);
        filled?;
        self.start().await
    }

    /// Has PostgreSQL use again what is no longer needed, as it does by itself each minute; SQLite does so at once.
    pub(super) fn vacuum(&self) -> Result<(), Failure> {
        let Some(url) = &self.url else { return Ok(()) };
        kaching_private_postgres::vacuum(url).map_err(|error| sentence(&error.to_string()))
    }

    /// The size of its database in bytes. The server is ended and started again for that.
    pub(super) async fn size(&mut self) -> Result<u64, Failure> {
        self.end().await;
        self.vacuum()?;
        let (app, owned) = open(&self.data).await?;
        let size = app.authority().database_size().await;
        app.authority().close().await;
        drop(owned);
        self.start().await?;
        size.map_err(|error| sentence(&error.to_string()))
    }

    /// Puts the load on the authority.
    pub(super) async fn load<C: Caller>(
        &self,
        callers: Vec<C>,
        measure: Measure,
    ) -> Result<(Measured, Vec<C>), Failure> {
        self.disk.unless_interrupted(load::run(self.address, callers, measure)).await
    }

    /// What an operator's command would ask with.
    pub(super) async fn client(&self) -> Result<Client, Failure> {
        choice(&self.data).client(Missing::Refuse).await
    }

    /// How many installations hold a slot, as the authority counts them.
    pub(super) async fn counted(&self) -> Result<u64, Failure> {
        let mut client = self.client().await?;
        let stats: Stats = client.get(Path::admin("stats")).await?.read()?;
        client.close().await;
        Ok(stats.activations)
    }

    /// The token that the first start made.
    pub(super) fn token(&self) -> Result<String, Failure> {
        let text = std::fs::read_to_string(self.data.join("first-token"));
        let text =
            text.map_err(|error| Failure::refused(format!("The first token cannot be read: {error}.")))?;
        Ok(text.trim().to_owned())
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

    /// Settings for another server on the same database, with the same master key; where it is to listen.
    pub(super) fn beside(&self, dir: &FilePath, url: Option<&str>) -> Result<SocketAddr, Failure> {
        let (data, address) = (DataDir::locate(Some(dir.to_owned()))?, free()?);
        configure(&data, address, self.address, url)?;
        let copied = std::fs::copy(self.data.join("master.key"), data.join("master.key"));
        copied.map_err(|error| Failure::refused(format!("The master key cannot be copied: {error}.")))?;
        Ok(address)
    }

    pub(super) fn rss_mib(&self) -> Option<f64> {
        self.server.as_ref().and_then(Server::rss_mib)
    }

    /// Ends the server in good order.
    pub(super) async fn end(&mut self) {
        if let Some(server) = self.server.take() {
            server.end().await;
        }
    }

    /// Ends the authority in good order, and removes what it wrote.
    pub(super) async fn strike(mut self) {
        tell("");
        self.end().await;
    }
}

/// The settings as a file: a secret in an argument would stand in the list of processes.
///
/// All servers of one authority speak in the name of its first.
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

fn choice(data: &DataDir) -> Choice {
    Choice { server: None, token: None, ca: None, data: data.clone(), environment: BTreeMap::new() }
}

/// Sells licenses of a product, through whatever serves the directory, or in this process.
pub(super) async fn sell(data: &DataDir, algorithm: Algorithm) -> Result<Sold, Failure> {
    let mut client = choice(data).client(Missing::Make).await?;
    let sold = sold::sell(&mut client, algorithm).await;
    client.close().await;
    sold
}

/// Opens the authority in this process, while no server has it.
pub(super) async fn open(data: &DataDir) -> Result<(App, crate::data::Owned), Failure> {
    let owned = data.own().map_err(|taken| taken.sentence(data))?;
    let config = settings::read(data, &BTreeMap::new())?;
    let issuer = config.issuer(config.server.listen);
    Ok((opened::open(data, &config, issuer).await?, owned))
}

/// What a statement must say that answers this request.
pub(super) fn answer_to(request: Digest) -> Expected<'static> {
    Expected { req: Some(request), aud: Some(PRODUCT), ..Expected::default() }
}
