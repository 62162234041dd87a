use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use clap::Args;
use kaching_api::SecretText;
use kaching_authority::{
    Actor, DatabaseConfig, MasterKey, SystemClock, SystemEntropy,
    backup::{self as backups, Contents, Seen},
    write_private,
};
use kaching_base::Secret;
use kaching_server::config::Config;
use serde_json::json;

use crate::{
    backup::{self, Progress},
    data::DataDir,
    failure::Failure,
    output::{Output, remark},
    passphrase::{Asked, Passphrase},
    remote::Choice,
    settings::{self, read_text, sentence},
};

/// Make the authority again from a backup, in a data directory or a database that is empty
///
/// It needs root.key, for the restored authority begins a new epoch in a keyset that the root signs, and master.key,
/// unless the backup holds it. Nothing serves meanwhile. A restore that fails leaves no files; one that was killed goes on when
/// it is run again.
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
    /// Take a backup that has no MAC, as those of earlier releases; that is recorded
    ///
    /// Nothing shows whether such a backup was changed after it was made. One whose MAC is wrong is never taken.
    #[arg(long)]
    without_mac: bool,
    /// Let the root sign this once, and keep no copy of it here
    #[arg(long)]
    offline_root: bool,
    #[command(flatten)]
    passphrase: Passphrase,
}

impl Restore {
    pub(crate) async fn run(self, choice: &Choice, output: &Output) -> Result<(), Failure> {
        refuse_server(choice)?;
        let data = &choice.data;
        let mut config = settings::read(data, &choice.environment)?;
        if let Some(database) = &self.database {
            config.database.url = Some(Secret::new(settings::named_or_in_file("--database", database)?));
            settings::exposed_database("--database", database).iter().for_each(|doubt| remark(doubt));
        }
        data.check_modes()?;
        let here = config.database.url.is_none();
        if here && data.join("kaching.db").exists() {
            return Err(Failure::refused(format!(
                "{} holds an authority already, which is never written over: name an empty directory with --data.",
                data.path().display()
            )));
        }
        let contents = look(&self.file).await?;
        let failed = |error: kaching_authority::Error| sentence(&error.to_string());
        let (master, from_backup) = self.master(data, &config, &contents, choice)?;
        let root = self.root(data, &contents)?;
        let passphrase = config.keys.root_passphrase.unwrap_or_else(|| Secret::new(String::new()));
        let opens = (root.expose().to_owned(), passphrase.clone());
        // Until everything fits, nothing is made.
        contents.check(&master, self.without_mac, opens).await.map_err(failed)?;
        let mut made = Made::before(data);
        data.make()?;
        let _owned = data.own().map_err(|taken| taken.sentence(data))?;
        data.check_modes()?;
        let unfinished = Unfinished::of(&contents);
        let how = backups::Restore {
            database: match &config.database.url {
                Some(url) => DatabaseConfig::postgres(url.expose().clone()),
                None => {
                    made.database(data, &unfinished.0);
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
        let told = |seen: &Seen| progress.lock().expect("nothing panics while it is held").show(seen);
        let restored = backups::restore(&self.file, &contents, how, &told).await;
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
        made.stays();
        let mut document = backup::document(&contents, &self.file);
        document["epoch"] = json!(epoch);
        let shown = output.either(&document, || {
            format!(
                "{} rows are restored, as they were at {}; epoch {epoch} begins. Start it with `kaching serve`: running products \
                 go on, and come back by themselves.\nWhat was changed after the backup is not in it: suspend and revoke \
                 again what was since.",
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

    /// The master key, and its text where it has to be written down here.
    fn master(
        &self,
        data: &DataDir,
        config: &Config,
        contents: &Contents,
        choice: &Choice,
    ) -> Result<(MasterKey, Option<Secret<String>>), Failure> {
        let parse = |text: &str| MasterKey::parse(text).map_err(|error| sentence(&error.to_string()));
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
        let passphrase = self.passphrase.read(&choice.environment, Asked::Once)?;
        let key =
            contents.head.master_key(&passphrase.into()).map_err(|error| sentence(&error.to_string()))?;
        let text = Secret::new(format!("{}\n", key.encode().expose()));
        Ok((key, Some(text)))
    }

    fn root(&self, data: &DataDir, contents: &Contents) -> Result<SecretText, Failure> {
        let path = self.root_key.clone().unwrap_or_else(|| data.join("root.key"));
        if !path.exists() {
            let root = contents.head.roots.first().map_or("", String::as_str);
            return Err(Failure::refused(format!(
                "The root key is not at {}: bring the one of {root} there for the time of the restore, or name it with \
                 --root-key. It signs the keyset that tells clients of the restore.",
                path.display()
            )));
        }
        read(&path)
    }
}

/// What a restore makes in the file system, and removes again where it fails. One that is killed leaves its database, and
/// goes on with it.
struct Made {
    /// What was not there before, the innermost first.
    files: Vec<PathBuf>,
    directories: Vec<PathBuf>,
}

impl Made {
    fn before(data: &DataDir) -> Self {
        let missing = |path: &PathBuf| path.symlink_metadata().is_err();
        let files = ["kaching.lock", "master.key", "root.key"].map(|name| data.join(name));
        let directories = data.path().ancestors().map(Path::to_owned);
        let directories = directories.filter(|path| !path.as_os_str().is_empty()).take_while(missing);
        Self { files: files.into_iter().filter(missing).collect(), directories: directories.collect() }
    }

    fn database(&mut self, data: &DataDir, name: &str) {
        self.files.extend(["", "-wal", "-shm"].map(|part| data.join(&format!("{name}{part}"))));
    }

    fn stays(&mut self) {
        self.files.clear();
        self.directories.clear();
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = fs::remove_file(file);
        }
        // A directory in which something else is by now stays.
        for directory in &self.directories {
            let _ = fs::remove_dir(directory);
        }
    }
}

/// A restore into a data directory, which counts when its file gets its name.
struct Unfinished(String);

impl Unfinished {
    fn of(contents: &Contents) -> Self {
        let backup: String = contents.sha256.chars().take(16).collect();
        Self(format!("restoring-{backup}.db"))
    }

    /// Goes on with the one of this backup; one of another is removed.
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

/// Reads the whole backup before anything else is touched.
async fn look(file: &Path) -> Result<Contents, Failure> {
    let file = file.to_owned();
    let reading = tokio::task::spawn_blocking(move || {
        let mut progress = Progress::new("checked");
        let read = backups::read(&file, |seen| progress.show(seen));
        progress.done();
        read
    });
    let read =
        reading.await.map_err(|error| Failure::refused(format!("Reading the backup was ended: {error}.")))?;
    read.map_err(|error| sentence(&error.to_string()))
}

/// What is done to files of this machine is not asked of a server.
pub(crate) fn refuse_server(choice: &Choice) -> Result<(), Failure> {
    match &choice.server {
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
