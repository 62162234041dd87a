//! The temporary directory: in memory if the system offers that, and removed in any case.

use std::{
    fs::{self, Permissions},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use rustix::fs::Access;
use tempfile::TempDir;

use crate::{
    data_dir::{DataDir, DataDirLock},
    failure::Failure,
    output::remark,
};

/// The beginning of the name.
const PREFIX: &str = "kaching-ephemeral-";
/// A file system in memory, on Linux.
const MEMORY: &str = "/dev/shm";
/// The bytes that must be free there; a container may have only a few.
const ROOM: u64 = 256 << 20;
/// A directory of this age without a process was abandoned: a process locks its directory immediately.
const ABANDONED: Duration = Duration::from_secs(60);

/// A temporary data directory. Dropping it removes it, too.
pub(super) struct TemporaryData {
    dir: TempDir,
    data: DataDir,
    _lock: DataDirLock,
}

impl TemporaryData {
    /// Creates a directory that only this user can read, and removes those of processes that were killed.
    pub(super) fn make() -> Result<Self, Failure> {
        let place = place();
        remove_abandoned(&place);
        let mut builder = tempfile::Builder::new();
        let made = builder.prefix(PREFIX).permissions(Permissions::from_mode(0o700)).tempdir_in(&place);
        let dir = made.map_err(|error| {
            Failure::refused(format!(
                "No temporary directory can be made in {}: {error}. Name another place with TMPDIR.",
                place.display()
            ))
        })?;
        let data = DataDir::locate(Some(dir.path().to_owned()))?;
        let lock = data.lock().map_err(|taken| taken.into_failure(&data))?;
        Ok(Self { dir, data, _lock: lock })
    }

    pub(super) fn directory(&self) -> &DataDir {
        &self.data
    }

    /// Removes the directory, and reports it if that fails.
    pub(super) fn remove(self) {
        let path = self.dir.path().to_owned();
        if let Err(error) = self.dir.close() {
            remark(&format!("{} could not be removed ({error}): remove it.", path.display()));
        }
    }
}

/// Returns `TMPDIR` if it is set, else memory if there is room, else the directory of the system.
fn place() -> PathBuf {
    let memory = Path::new(MEMORY);
    let named = std::env::var_os("TMPDIR").is_some_and(|path| !path.is_empty());
    if !named && has_room(memory) { memory.to_owned() } else { std::env::temp_dir() }
}

fn has_room(path: &Path) -> bool {
    rustix::fs::access(path, Access::WRITE_OK).is_ok()
        && rustix::fs::statvfs(path).is_ok_and(|found| found.f_bavail * found.f_frsize >= ROOM)
}

/// Removes directories of processes that were killed. A failure leaves them to the next start.
fn remove_abandoned(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(PREFIX)) && is_old(&entry.path()) {
            let data = DataDir::locate(Some(entry.path()));
            if let Ok(Ok(_lock)) = data.map(|data| data.lock()) {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

/// Whether this is a directory of this user that is old enough. A link is none.
fn is_old(path: &Path) -> bool {
    let Ok(found) = fs::symlink_metadata(path) else { return false };
    let ours = found.is_dir() && found.uid() == rustix::process::geteuid().as_raw();
    let age = found.modified().ok().and_then(|changed| changed.elapsed().ok());
    ours && age.is_some_and(|age| age >= ABANDONED)
}
