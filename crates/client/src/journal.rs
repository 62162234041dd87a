//! The journal of a follower for the holder of the state directory: a file of its own, whose contents only grow. A holder
//! that reads it twice, or is killed between reading and removing it, counts nothing twice.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
};

use kaching_base::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{platform, store::replace};

const PREFIX: &str = "follower-";
/// More than any follower writes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// Everything that one follower has recorded since its start.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FollowerReport {
    /// Counters: all usage since the start.
    pub(crate) usage: BTreeMap<String, u64>,
    /// Levels that it set to something else than the holder's.
    pub(crate) levels: BTreeMap<String, u64>,
    /// Reports in their order; the first has number 1.
    pub(crate) reports: Vec<Report>,
}

/// A report of the product for the authority's audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) kind: kaching_api::ReportKind,
    pub(crate) detail: String,
    pub(crate) at: Timestamp,
    pub(crate) nonce: String,
}

/// A follower's own file.
#[derive(Debug)]
pub(crate) struct FollowerJournal {
    dir: PathBuf,
    name: String,
    /// Locked while the follower lives.
    _alive: File,
    report: FollowerReport,
    written: FollowerReport,
}

impl FollowerJournal {
    /// Opens a file that no other follower has: `mark` is random.
    pub(crate) fn open(dir: &Path, mark: u64) -> io::Result<Self> {
        let name = format!("{PREFIX}{mark:016x}");
        // Locked before it has its name: if the lock is free, the process has ended.
        let unnamed = dir.join(format!("{name}.new"));
        let alive = platform::new_file().open(&unnamed)?;
        alive.lock()?;
        fs::rename(unnamed, dir.join(format!("{name}.lock")))?;
        let (report, written) = Default::default();
        Ok(Self { dir: dir.to_owned(), name, _alive: alive, report, written })
    }

    /// Gives the report to be changed.
    pub(crate) fn edit(&mut self) -> &mut FollowerReport {
        &mut self.report
    }

    /// Writes the report to disk, unless it is there.
    pub(crate) fn save(&mut self) -> io::Result<()> {
        if self.report == self.written {
            return Ok(());
        }
        let bytes = serde_json::to_vec(&self.report).map_err(io::Error::other)?;
        replace(&self.dir, &format!("{}.json", self.name), &[&bytes])?;
        self.written = self.report.clone();
        Ok(())
    }
}

/// A follower as the holder sees it.
pub(crate) struct FollowerEntry {
    pub(crate) name: String,
    pub(crate) report: FollowerReport,
    /// Its process has ended: nothing more comes.
    pub(crate) gone: bool,
}

/// Returns every follower of a state directory. A file that cannot be read is left out, and stays.
pub(crate) fn followers(dir: &Path) -> Vec<FollowerEntry> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let names = names.filter_map(|name| Some(name.strip_suffix(".lock")?.to_owned()));
    names.filter(|name| name.starts_with(PREFIX)).filter_map(|name| read(dir, name)).collect()
}

fn read(dir: &Path, name: String) -> Option<FollowerEntry> {
    // The lock is tried first: if the process is gone, all that it wrote is there to be read.
    let gone = platform::open_file(&dir.join(format!("{name}.lock"))).ok()?.try_lock().is_ok();
    let report = match platform::read_file(&dir.join(format!("{name}.json")), LARGEST) {
        Ok(bytes) => serde_json::from_slice(&bytes).ok()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => FollowerReport::default(),
        Err(_) => return None,
    };
    Some(FollowerEntry { name, report, gone })
}

/// Removes the files of a follower that is gone, once all of its report is on disk elsewhere.
pub(crate) fn remove(dir: &Path, name: &str) {
    // The lock goes last: while it is there, the journal is found and compared again.
    let _ = fs::remove_file(dir.join(format!("{name}.json")));
    let _ = fs::remove_file(dir.join(format!("{name}.lock")));
}
