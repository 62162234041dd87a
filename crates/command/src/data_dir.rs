//! The data directory: its lock and its permissions.

mod others;

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read as _, Seek as _, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use crate::failure::Failure;

/// The data directory of a machine on which a package, or the install script, has set up the service.
const INSTALLED: &str = "/var/lib/kaching";

/// Files with keys, which only their owner may read.
const SECRET_FILES: [&str; 3] = ["master.key", "root.key", "first-token"];

/// The directory with the files of an authority.
#[derive(Clone)]
pub struct DataDir(PathBuf);

/// The lock of the directory, held until this is dropped or the process ends.
pub struct DataDirLock {
    /// Holds the lock of the operating system.
    _lock: File,
}

/// Why the directory could not be locked.
pub enum LockError {
    /// Another process holds the lock; with its id if that could be read.
    Taken(Option<u32>),
    Failed(Failure),
}

impl DataDir {
    /// The directory named, else `~/.kaching` if it exists, else that of the installed service if it exists, else `~/.kaching`.
    pub fn locate(named: Option<PathBuf>) -> Result<Self, Failure> {
        if let Some(path) = named.filter(|path| !path.as_os_str().is_empty()) {
            return Ok(Self(path));
        }
        let home = std::env::home_dir().filter(|path| !path.as_os_str().is_empty());
        Self::unnamed(home.map(|home| home.join(".kaching")), Path::new(INSTALLED))
            .ok_or_else(|| Failure::usage("There is no home directory: name the data directory with --data."))
    }

    fn unnamed(own: Option<PathBuf>, installed: &Path) -> Option<Self> {
        match own {
            Some(own) if own.exists() => Some(Self(own)),
            _ if installed.exists() => Some(Self(installed.to_owned())),
            own => own.map(Self),
        }
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn socket(&self) -> PathBuf {
        self.join("kaching.sock")
    }

    /// Creates the directory if it does not exist. An empty one is closed to other users.
    pub fn make(&self) -> Result<(), Failure> {
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

    /// Checks that other users cannot read the secret files.
    ///
    /// # Errors
    /// With the file or directory and the command that closes it.
    pub fn check_modes(&self) -> Result<(), Failure> {
        match self.open_to_others().first() {
            None => Ok(()),
            Some((path, command)) => Err(Failure::refused(format!(
                "Others can read {}: close it with `{command}`, and start again.",
                path.display()
            ))),
        }
    }

    /// Returns the files that other users can read but should not, each with the command that closes it.
    pub fn open_to_others(&self) -> Vec<(PathBuf, String)> {
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
            .chain(self.settings_open_to_others())
            .collect()
    }

    /// Whether the directory has files of an authority.
    pub fn is_in_use(&self) -> bool {
        self.join("kaching.db").exists() || self.join("master.key").exists()
    }

    /// Creates an empty file that only the owner can read, unless it exists. SQLite uses an empty file as a new database,
    /// while every user could read one that it creates.
    pub fn make_private(&self, name: &str) -> Result<(), Failure> {
        let path = self.join(name);
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(Failure::refused(format!("{} cannot be made: {error}.", path.display()))),
        }
    }

    /// Renames a closed database durably.
    ///
    /// # Errors
    /// If a part of it is still in its log, for example because the disk is full.
    pub fn rename_database(&self, from: &str, to: &str) -> Result<(), Failure> {
        if self.join(&format!("{from}-wal")).exists() {
            return Err(Failure::refused(format!(
                "{} is incomplete without its log, probably because its disk is full: make room, and run this again.",
                self.join(from).display()
            )));
        }
        // SQLite would use the leftover log of a lost database with that name as a part of this one.
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

    /// Locks the directory for this process, which has to run as the directory's user.
    pub fn lock(&self) -> Result<DataDirLock, LockError> {
        self.check_owner().map_err(LockError::Failed)?;
        let path = self.join("kaching.lock");
        let failed = |error: io::Error| {
            LockError::Failed(Failure::refused(format!(
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
                Ok(DataDirLock { _lock: lock })
            }
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                let read = lock.rewind().and_then(|()| lock.read_to_string(&mut text));
                Err(LockError::Taken(read.ok().and_then(|_| text.trim().parse().ok())))
            }
            Err(TryLockError::Error(error)) => Err(failed(error)),
        }
    }
}

impl LockError {
    /// Returns the failure for a command that cannot wait.
    pub fn into_failure(self, data: &DataDir) -> Failure {
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
