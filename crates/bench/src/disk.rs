//! The disk that a measurement writes to.

use std::{
    io,
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use kaching_server::Shutdown;
use rustix::fs::FsWord;
use tempfile::TempDir;

use super::load::now;
use kaching_command::failure::Failure;

/// A directory on the disk that is measured.
pub(super) struct Disk {
    path: PathBuf,
    /// Whether it is a file system in memory.
    pub(super) volatile: bool,
    pub(super) interrupted: Shutdown,
}

/// The file systems in memory, by their numbers in statfs(2).
const TMPFS: FsWord = 0x0102_1994;
const RAMFS: FsWord = 0x8584_58f6;

impl Disk {
    /// Returns `TMPDIR`, or `/var/tmp`, which is on a disk on most systems.
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

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Creates a directory that is removed when the result is dropped.
    pub(super) fn create_folder(&self) -> Result<TempDir, Failure> {
        let made = |error: io::Error| {
            Failure::refused(format!("A directory in {} cannot be made: {error}.", self.path.display()))
        };
        tempfile::Builder::new().prefix("kaching-bench-").tempdir_in(&self.path).map_err(made)
    }

    /// Measures for two seconds how long it takes to write and sync 4 KiB. Returns the median and the maximum in
    /// milliseconds.
    pub(super) fn measure_sync(&self) -> Result<(f64, f64), Failure> {
        let failed = |error: io::Error| Failure::refused(format!("The disk cannot be measured: {error}."));
        let file = tempfile::tempfile_in(&self.path).map_err(failed)?;
        let (began, mut waits) = (now(), Vec::new());
        while began.elapsed() < Duration::from_secs(2) {
            let wrote = now();
            file.write_all_at(&[1; 4096], 0).and_then(|()| file.sync_data()).map_err(failed)?;
            waits.push(wrote.elapsed());
            std::thread::sleep(Duration::from_millis(1));
        }
        waits.sort_unstable();
        let millis = |wait: Option<&Duration>| wait.map_or(0.0, Duration::as_secs_f64) * 1e3;
        Ok((millis(waits.get(waits.len() / 2)), millis(waits.last())))
    }

    /// Waits for a part of a measurement, unless the user interrupts it.
    pub(super) async fn unless_interrupted<T>(
        &self,
        part: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let mut interrupted = self.interrupted.clone();
        tokio::select! {
            done = part => done,
            () = interrupted.requested() => Err(Failure::refused("Interrupted: nothing was measured.")),
        }
    }
}
