use std::sync::{Arc, Mutex};

use clap::Args;
use kaching_authority::{
    Actor, DatabaseConfig, MasterKey, SystemClock, SystemEntropy,
    backup::{self as backups, BackupProgress},
};
use kaching_base::Secret;

use crate::{
    backup::{self, Progress},
    failure::Failure,
    output::{Output, remark},
    remote::AuthorityTarget,
    restore, settings,
};

/// Migrate the authority of this data directory from SQLite to PostgreSQL
///
/// Stop the server first. Every table is compared before the migration is complete. An interrupted migration continues when
/// you run it again. The master key stays in this directory; the SQLite file is renamed to kaching.db.moved.
#[derive(Args)]
pub(crate) struct Migrate {
    /// An empty database: @FILE that holds its postgres://… URL, or the URL itself
    #[arg(long, value_name = "@FILE|URL")]
    to: String,
}

impl Migrate {
    pub(crate) async fn run(self, target: &AuthorityTarget, output: &Output) -> Result<(), Failure> {
        restore::refuse_server(target)?;
        let data = &target.data;
        let config = settings::read(data, &target.environment)?;
        let url = settings::named_or_in_file("--to", &self.to)?;
        settings::exposed_database("--to", &self.to).iter().for_each(|doubt| remark(doubt));
        if !(url.starts_with("postgres://") || url.starts_with("postgresql://")) {
            return Err(Failure::usage(
                "--to takes the URL of a PostgreSQL database: postgres://user@host/name.",
            ));
        }
        if !data.join("kaching.db").exists() {
            return Err(Failure::refused(format!(
                "There is no kaching.db in {} to migrate.",
                data.path().display()
            )));
        }
        let _owned = data.lock().map_err(|taken| taken.into_failure(data))?;
        data.check_modes()?;
        let text = match &config.keys.master {
            Some(text) => kaching_api::SecretText::new(text.expose().clone()),
            None => restore::read(&data.join("master.key"))?,
        };
        let root = data.join("root.key");
        let root = if root.exists() { Some(restore::read(&root)?) } else { None };
        let passphrase = config.keys.root_passphrase.unwrap_or_else(|| Secret::new(String::new()));
        if root.is_none() {
            remark("root.key is not here: without it, the authority cannot sign a new keyset.");
        }
        let how = backups::MigrateOptions {
            from: DatabaseConfig::sqlite(data.join("kaching.db")),
            to: DatabaseConfig::postgres(url),
            master: MasterKey::parse(text.expose()).map_err(Failure::from_error)?,
            root: root.map(|root| (root.expose().to_owned(), passphrase)),
            by: Actor::Local(rustix::process::geteuid().as_raw()),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        };
        let progress = Mutex::new(Progress::new("migrated"));
        let show = |present: &BackupProgress| {
            progress.lock().expect("nothing panics while it is held").show(present)
        };
        let migrated = backups::migrate(how, &show).await;
        progress.lock().expect("nothing panics while it is held").done();
        let contents = migrated.map_err(Failure::from_error)?;
        // Two authorities with one root would contradict each other.
        data.rename_database("kaching.db", "kaching.db.moved")?;
        let shown = output.either(&backup::tables(&contents), || {
            format!(
                "{}\n{} rows are migrated; every table has the same contents there. From now on serve it with this data \
                 directory and --database @FILE (or database.url).",
                backup::table(&contents, output),
                contents.rows()
            )
        });
        shown.map_err(|failure| {
            let done = "the authority is migrated: serve it with --database @FILE (or database.url).";
            failure.after(Some(done.to_owned()))
        })
    }
}
