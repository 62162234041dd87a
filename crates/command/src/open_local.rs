//! Opening the authority of a data directory in this process.

use std::sync::Arc;

use kaching_authority::{
    Authority, DatabaseConfig, Issuer, MasterKey, Options, RootStore, SystemClock, SystemEntropy,
};
use kaching_base::Secret;
use kaching_server::{
    App,
    config::{Config, PublicUrl},
};
use prometheus_client::registry::Registry;

use crate::{data_dir::DataDir, failure::Failure};

/// Opens the authority of a data directory whose lock this process holds, and creates what is missing. `base` is the URL of
/// this process.
pub async fn open(data: &DataDir, config: &Config, base: PublicUrl) -> Result<App, Failure> {
    let url = base.as_str().to_owned();
    data.check_modes()?;
    if config.database.url.is_none() {
        refuse_lost_database(data)?;
        data.make_private("kaching.db")?;
    }
    let (database, root_store) = match &config.database.url {
        Some(url) => (DatabaseConfig::postgres(url.expose().clone()), RootStore::Database),
        None => {
            (DatabaseConfig::sqlite(data.join("kaching.db")), RootStore::Directory(data.path().to_owned()))
        }
    };
    let master = config.keys.master.as_ref().map(|text| MasterKey::parse(text.expose())).transpose();
    let passphrase = config.keys.root_passphrase.as_ref().map(|text| text.expose().clone());
    let options = Options {
        database,
        directory: data.path().to_owned(),
        master: master.map_err(Failure::from_error)?,
        root_store,
        root_passphrase: Secret::new(passphrase.unwrap_or_default()),
        issuer: match config.server.public_url {
            Some(_) => Issuer::Named(url),
            None => Issuer::Default(url),
        },
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    open_with(options, config, base).await
}

/// Opens the authority of these options, and returns its server.
pub(crate) async fn open_with(options: Options, config: &Config, base: PublicUrl) -> Result<App, Failure> {
    let (clock, entropy) = (Arc::clone(&options.clock), Arc::clone(&options.entropy));
    let mut registry = Registry::default();
    let authority = Authority::open(options, &mut registry).await.map_err(Failure::from_error)?;
    let authority = authority
        .with_limits(config.limits.daily(), config.retention.times())
        .with_backups(config.backup.schedule());
    Ok(App::new(Arc::new(authority), config, base, clock, entropy, registry))
}

/// Refuses to open a directory with a root but no database: the database was lost, and a new one would hide that.
fn refuse_lost_database(data: &DataDir) -> Result<(), Failure> {
    let (database, root) = (data.join("kaching.db"), data.join("root.key"));
    if database.exists() || !root.exists() {
        return Ok(());
    }
    if data.join("kaching.db.moved").exists() {
        return Err(Failure::refused(format!(
            "The authority of {} was migrated to PostgreSQL: name its database with --database @FILE or database.url.",
            data.path().display()
        )));
    }
    Err(Failure::refused(format!(
        "{} is missing, although {} is there: put the database back, or `kaching restore` a backup; for a new authority \
         use an empty directory.",
        database.display(),
        root.display()
    )))
}
