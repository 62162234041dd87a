//! The data directory: who owns it, who may read it.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use crate::failure::Failure;

/// Files that open the authority: nobody else may read them.
const SECRET_FILES: [&str; 3] = ["master.key", "root.key", "first-token"];

/// Where an authority keeps what is its own.
#[derive(Clone)]
pub(crate) struct DataDir(PathBuf);

/// The directory is this process's until this is dropped, or the process ends however it may.
pub(crate) struct Owned {
    /// Holds the operating system's lock.
    _lock: File,
}

/// Why the directory could not be had.
pub(crate) enum NotOwned {
    /// Another process has it; its id where it could be read.
    Taken(Option<u32>),
    Failed(Failure),
}

impl DataDir {
    /// The directory named, or `~/.kaching`.
    pub(crate) fn locate(named: Option<PathBuf>) -> Result<Self, Failure> {
        if let Some(path) = named.filter(|path| !path.as_os_str().is_empty()) {
            return Ok(Self(path));
        }
        let home = std::env::home_dir().filter(|path| !path.as_os_str().is_empty());
        home.map(|home| Self(home.join(".kaching")))
            .ok_or_else(|| Failure::usage("There is no home directory: name the data directory with --data."))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.join("kaching.sock")
    }

    /// Makes the directory where there is none; one that is empty is closed to others.
    pub(crate) fn make(&self) -> Result<(), Failure> {
        let failed = |error: io::Error| {
            Failure::refused(format!("The data directory {} cannot be made: {error}.", self.0.display()))
        };
        match fs::metadata(&self.0) {
            Ok(found) if !found.is_dir() => Err(Failure::refused(format!(
                "{} is not a directory: name another one with --data.",
                self.0.display()
            ))),
            Ok(found) if found.permissions().mode() & 0o077 != 0 => {
                let empty = fs::read_dir(&self.0).map_err(failed)?.next().is_none();
                if empty {
                    fs::set_permissions(&self.0, fs::Permissions::from_mode(0o700)).map_err(failed)
                } else {
                    Ok(())
                }
            }
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                DirBuilder::new().recursive(true).mode(0o700).create(&self.0).map_err(failed)
            }
            Err(error) => Err(failed(error)),
        }
    }

    /// Whether others can read what only the authority may.
    ///
    /// # Errors
    /// With the file or directory and the command that closes it.
    pub(crate) fn check_modes(&self) -> Result<(), Failure> {
        match self.open_to_others().first() {
            None => Ok(()),
            Some((path, command)) => Err(Failure::refused(format!(
                "Others can read {}: close it with `{command}`, and start again.",
                path.display()
            ))),
        }
    }

    /// What others can read but should not, with the command that closes it.
    pub(crate) fn open_to_others(&self) -> Vec<(PathBuf, String)> {
        let directory = [(self.0.clone(), "700")];
        let files = SECRET_FILES.map(|name| (self.join(name), "600"));
        directory
            .into_iter()
            .chain(files)
            .filter(|(path, _)| fs::metadata(path).is_ok_and(|found| found.permissions().mode() & 0o077 != 0))
            .map(|(path, mode)| {
                let command = format!("chmod {mode} {}", path.display());
                (path, command)
            })
            .collect()
    }

    /// Whether an authority was made here.
    pub(crate) fn is_in_use(&self) -> bool {
        self.join("kaching.db").exists()
            || self.join("config.toml").exists()
            || self.join("master.key").exists()
    }

    /// Makes an empty file that only the owner reads, unless there is one: SQLite gives its own to everybody, and
    /// takes an empty one for a new database.
    pub(crate) fn make_private(&self, name: &str) -> Result<(), Failure> {
        let path = self.join(name);
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(Failure::refused(format!("{} cannot be made: {error}.", path.display()))),
        }
    }

    /// Gives a database that was closed another name, so that it is that after a crash, too.
    ///
    /// # Errors
    /// If a part of it is still in its log, as where the disk had no room for it.
    pub(crate) fn rename_database(&self, from: &str, to: &str) -> Result<(), Failure> {
        if self.join(&format!("{from}-wal")).exists() {
            return Err(Failure::refused(format!(
                "{} is not whole without its log, as where its disk is full: make room, and run this again.",
                self.join(from).display()
            )));
        }
        // SQLite would take what a lost database of that name has left for a part of this one.
        let cleared = ["-wal", "-shm"].into_iter().try_for_each(|left| {
            match fs::remove_file(self.join(&format!("{to}{left}"))) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            }
        });
        let renamed = cleared
            .and_then(|()| fs::rename(self.join(from), self.join(to)))
            .and_then(|()| File::open(&self.0)?.sync_all());
        renamed.map_err(|error| {
            Failure::refused(format!("{} cannot become {to}: {error}.", self.join(from).display()))
        })
    }

    /// Takes the directory for this process.
    pub(crate) fn own(&self) -> Result<Owned, NotOwned> {
        let path = self.join("kaching.lock");
        let failed = |error: io::Error| {
            NotOwned::Failed(Failure::refused(format!(
                "{} cannot be written ({error}): the data directory must be writable for the user who runs this.",
                path.display()
            )))
        };
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {
                lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id())).map_err(failed)?;
                Ok(Owned { _lock: lock })
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let read = lock.rewind().and_then(|()| lock.read_to_string(&mut text));
                Err(NotOwned::Taken(read.ok().and_then(|_| text.trim().parse().ok())))
            }
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

impl NotOwned {
    /// For one who cannot wait.
    pub(crate) fn sentence(self, data: &DataDir) -> Failure {
        match self {
            Self::Failed(failure) => failure,
            Self::Taken(process) => {
                let who = process.map_or_else(String::new, |id| format!(" (process {id})"));
                Failure::refused(format!(
                    "Another kaching{who} owns {}: stop it, or name another directory with --data.",
                    data.path().display()
                ))
            }
        }
    }
}

#[cfg(test)]
mod tests;
