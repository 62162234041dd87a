use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use clap::Args;
use kaching_api::SecretText;
use kaching_authority::{
    Actor, DatabaseConfig, MasterKey, SystemClock, SystemEntropy,
    backup::{self as backups, BackupProgress, Contents},
    write_private,
};
use kaching_base::Secret;
use kaching_server::config::Config;
use serde_json::json;

use crate::{
    backup::{self, Progress},
    data_dir::DataDir,
    failure::Failure,
    output::{Output, remark},
    passphrase::{Passphrase, Prompt},
    remote::AuthorityTarget,
    settings::{self, read_text},
};

/// Restore the authority from a backup, into an empty data directory or database
///
/// It needs root.key, which signs the keyset of the new epoch, and master.key, unless the backup contains it. No server may
/// run meanwhile. A failed restore leaves no files. An interrupted one continues when you run it again.
#[derive(Args)]
pub(crate) struct Restore {
    /// The backup
    file: PathBuf,
    /// postgres://…, or @FILE that holds it; SQLite in the data directory unless set
    #[arg(long, value_name = "URL|@FILE")]
    database: Option<String>,
    /// The root's private half, root.key of the data directory unless set
    #[arg(long, value_name = "FILE")]
    root_key: Option<PathBuf>,
    /// Accept a backup without a MAC, as earlier releases wrote them; the audit log records it
    ///
    /// Changes to such a backup cannot be detected. A backup with a wrong MAC is never accepted.
    #[arg(long)]
    without_mac: bool,
    /// Sign with the root key once, and keep no copy of it here
    #[arg(long)]
    offline_root: bool,
    #[command(flatten)]
    passphrase: Passphrase,
}

impl Restore {
    pub(crate) async fn run(self, target: &AuthorityTarget, output: &Output) -> Result<(), Failure> {
        refuse_server(target)?;
        let data = &target.data;
        let mut config = settings::read(data, &target.environment)?;
        if let Some(database) = &self.database {
            config.database.url = Some(Secret::new(settings::named_or_in_file("--database", database)?));
            settings::exposed_database("--database", database).iter().for_each(|doubt| remark(doubt));
        }
        data.check_modes()?;
        let here = config.database.url.is_none();
        if here && data.join("kaching.db").exists() {
            return Err(Failure::refused(format!(
                "{} already holds an authority, which is never overwritten: name an empty directory with --data.",
                data.path().display()
            )));
        }
        let contents = read_backup(&self.file).await?;
        let failed = |error: kaching_authority::Error| Failure::from_error(error);
        let (master, from_backup) = self.master(data, &config, &contents, target)?;
        let root = self.root(data, &contents)?;
        let passphrase = config.keys.root_passphrase.unwrap_or_else(|| Secret::new(String::new()));
        let opens = (root.expose().to_owned(), passphrase.clone());
        // No file is created before everything is checked.
        contents.check(&master, self.without_mac, opens).await.map_err(failed)?;
        let mut created = CreatedFiles::list(data);
        data.make()?;
        let _owned = data.lock().map_err(|taken| taken.into_failure(data))?;
        data.check_modes()?;
        let unfinished = UnfinishedDatabase::of(&contents);
        let how = backups::Restore {
            database: match &config.database.url {
                Some(url) => DatabaseConfig::postgres(url.expose().clone()),
                None => {
                    created.database(data, &unfinished.0);
                    unfinished.begin(data)?
                }
            },
            master,
            without_mac: self.without_mac,
            root: (root.expose().to_owned(), passphrase),
            keeps_root: !here && !self.offline_root,
            issuer: config.server.public_url.as_ref().map(|url| url.as_str().to_owned()),
            by: Actor::Local(rustix::process::geteuid().as_raw()),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
        };
        let progress = Mutex::new(Progress::new("restored"));
        let show = |present: &BackupProgress| {
            progress.lock().expect("nothing panics while it is held").show(present)
        };
        let restored = backups::restore(&self.file, &contents, how, &show).await;
        progress.lock().expect("nothing panics while it is held").done();
        let epoch = restored.map_err(failed)?;
        if let Some(text) = from_backup {
            write_private(&data.join("master.key"), text.expose()).map_err(failed)?;
        }
        if here {
            let kept = data.join("root.key");
            if !self.offline_root && !kept.exists() {
                write_private(&kept, root.expose()).map_err(failed)?;
            }
            unfinished.finish(data)?;
        }
        created.keep();
        let mut document = backup::document(&contents, &self.file);
        document["epoch"] = json!(epoch);
        let shown = output.either(&document, || {
            format!(
                "{} rows are restored, as they were at {}; epoch {epoch} begins. Start it with `kaching serve`: running products \
                 continue, and reconnect on their own.\nChanges after the backup are lost: repeat the suspensions and \
                 revocations since then.",
                contents.rows(),
                contents.head.made_at
            )
        });
        shown.map_err(|failure| {
            failure.after(Some(format!(
                "the backup is restored, and epoch {epoch} begins. Start it: kaching serve"
            )))
        })
    }

    /// Returns the master key, and its text if it comes from the backup and has to be stored here.
    fn master(
        &self,
        data: &DataDir,
        config: &Config,
        contents: &Contents,
        target: &AuthorityTarget,
    ) -> Result<(MasterKey, Option<Secret<String>>), Failure> {
        let parse = |text: &str| MasterKey::parse(text).map_err(Failure::from_error);
        if let Some(text) = &config.keys.master {
            return Ok((parse(text.expose())?, None));
        }
        let path = data.join("master.key");
        if path.exists() {
            return Ok((parse(read(&path)?.expose())?, None));
        }
        if contents.head.master_key.is_none() {
            return Err(Failure::refused(format!(
                "The backup does not hold the master key: put {} there first, or name it with keys.master.",
                path.display()
            )));
        }
        let passphrase = self.passphrase.read(&target.environment, Prompt::Once)?;
        let key = contents.head.master_key(&passphrase.into()).map_err(Failure::from_error)?;
        let text = Secret::new(format!("{}\n", key.encode().expose()));
        Ok((key, Some(text)))
    }

    fn root(&self, data: &DataDir, contents: &Contents) -> Result<SecretText, Failure> {
        let path = self.root_key.clone().unwrap_or_else(|| data.join("root.key"));
        if !path.exists() {
            let root = contents.head.roots.first().map_or("", String::as_str);
            return Err(Failure::refused(format!(
                "The root key is not at {}: put the one of {root} there for the restore, or name it with \
                 --root-key. It signs the keyset that announces the restore to clients.",
                path.display()
            )));
        }
        read(&path)
    }
}

/// The files that a restore creates, and removes if it fails. A restore that is killed leaves its database, and continues
/// with it.
struct CreatedFiles {
    /// The files that did not exist before.
    files: Vec<PathBuf>,
    directories: Vec<PathBuf>,
}

impl CreatedFiles {
    fn list(data: &DataDir) -> Self {
        let missing = |path: &PathBuf| path.symlink_metadata().is_err();
        let files = ["kaching.lock", "master.key", "root.key"].map(|name| data.join(name));
        let directories = data.path().ancestors().map(Path::to_owned);
        let directories = directories.filter(|path| !path.as_os_str().is_empty()).take_while(missing);
        Self { files: files.into_iter().filter(missing).collect(), directories: directories.collect() }
    }

    fn database(&mut self, data: &DataDir, name: &str) {
        self.files.extend(["", "-wal", "-shm"].map(|part| data.join(&format!("{name}{part}"))));
    }

    fn keep(&mut self) {
        self.files.clear();
        self.directories.clear();
    }
}

impl Drop for CreatedFiles {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
        // A directory with other files stays.
        for directory in &self.directories {
            let _ = fs::remove_dir(directory);
        }
    }
}

/// The database of an unfinished restore, which gets its final name at the end.
struct UnfinishedDatabase(String);

impl UnfinishedDatabase {
    fn of(contents: &Contents) -> Self {
        let backup: String = contents.sha256.chars().take(16).collect();
        Self(format!("restoring-{backup}.db"))
    }

    /// Continues with the database of this backup, and removes those of others.
    fn begin(&self, data: &DataDir) -> Result<DatabaseConfig, Failure> {
        for entry in fs::read_dir(data.path()).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("restoring-") && !name.starts_with(&self.0) {
                let _ = fs::remove_file(entry.path());
            }
        }
        data.make_private(&self.0)?;
        Ok(DatabaseConfig::sqlite(data.join(&self.0)))
    }

    fn finish(&self, data: &DataDir) -> Result<(), Failure> {
        data.rename_database(&self.0, "kaching.db")
    }
}

/// Reads the whole backup, before any file is created.
async fn read_backup(file: &Path) -> Result<Contents, Failure> {
    let file = file.to_owned();
    let reading = tokio::task::spawn_blocking(move || {
        let mut progress = Progress::new("checked");
        let read = backups::read(&file, |present| progress.show(present));
        progress.done();
        read
    });
    let read =
        reading.await.map_err(|error| Failure::refused(format!("Reading the backup was ended: {error}.")))?;
    read.map_err(Failure::from_error)
}

/// Refuses `--server`, for commands that work on files of this machine.
pub(crate) fn refuse_server(target: &AuthorityTarget) -> Result<(), Failure> {
    match &target.server {
        None => Ok(()),
        Some(_) => Err(Failure::usage(
            "This works on files of this machine: run it where they are, without --server.",
        )),
    }
}

pub(crate) fn read(path: &Path) -> Result<SecretText, Failure> {
    let text = read_text(path)
        .map_err(|error| Failure::refused(format!("{} cannot be read: {error}.", path.display())))?;
    Ok(SecretText::new(text))
}
