//! What a process that follows leaves for the one that holds the state directory: a file of its own, which only grows,
//! so that whoever reads it twice, or is killed between reading and removing it, counts nothing twice.

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
/// More than any follower tells.
const LARGEST: u64 = 16 * 1024 * 1024;

/// What one follower has told, from its start on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Told {
    /// Counters: all that was ever added.
    pub(crate) usage: BTreeMap<String, u64>,
    /// Levels that it set to something else than what the holder says.
    pub(crate) levels: BTreeMap<String, u64>,
    /// Reports in their order; the first has number 1.
    pub(crate) reports: Vec<Report>,
}

/// Something that a product tells about itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) kind: kaching_api::ReportKind,
    pub(crate) detail: String,
    pub(crate) at: Timestamp,
    pub(crate) nonce: String,
}

/// A follower's own file.
#[derive(Debug)]
pub(crate) struct Spool {
    dir: PathBuf,
    name: String,
    /// Held while the follower lives.
    _alive: File,
    told: Told,
    written: Told,
}

impl Spool {
    /// A file that no other follower has: `mark` is random.
    pub(crate) fn open(dir: &Path, mark: u64) -> io::Result<Self> {
        let name = format!("{PREFIX}{mark:016x}");
        // Locked before it has its name: whoever finds it free knows that its process has ended.
        let unnamed = dir.join(format!("{name}.new"));
        let alive = platform::new_file().open(&unnamed)?;
        alive.lock()?;
        fs::rename(unnamed, dir.join(format!("{name}.lock")))?;
        let (told, written) = Default::default();
        Ok(Self { dir: dir.to_owned(), name, _alive: alive, told, written })
    }

    /// What is to be told.
    pub(crate) fn told(&mut self) -> &mut Told {
        &mut self.told
    }

    /// Writes it down, where it is not yet.
    pub(crate) fn save(&mut self) -> io::Result<()> {
        if self.told == self.written {
            return Ok(());
        }
        let bytes = serde_json::to_vec(&self.told).map_err(io::Error::other)?;
        replace(&self.dir, &format!("{}.json", self.name), &[&bytes])?;
        self.written = self.told.clone();
        Ok(())
    }
}

/// A follower as the holder sees it.
pub(crate) struct Found {
    pub(crate) name: String,
    pub(crate) told: Told,
    /// Its process has ended: nothing more comes.
    pub(crate) gone: bool,
}

/// Every follower of a state directory. What cannot be read tells nothing, and stays.
pub(crate) fn followers(dir: &Path) -> Vec<Found> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let names = names.filter_map(|name| Some(name.strip_suffix(".lock")?.to_owned()));
    names.filter(|name| name.starts_with(PREFIX)).filter_map(|name| found(dir, name)).collect()
}

fn found(dir: &Path, name: String) -> Option<Found> {
    // Whether it lives is asked first: what it wrote last is then there to be read.
    let gone = platform::open_file(&dir.join(format!("{name}.lock"))).ok()?.try_lock().is_ok();
    let told = match platform::read_file(&dir.join(format!("{name}.json")), LARGEST) {
        Ok(bytes) => serde_json::from_slice(&bytes).ok()?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Told::default(),
        Err(_) => return None,
    };
    Some(Found { name, told, gone })
}

/// Removes what a follower left that is gone, once all of it is kept elsewhere.
pub(crate) fn remove(dir: &Path, name: &str) {
    // The lock goes last: while it is there, the file is found and compared again.
    let _ = fs::remove_file(dir.join(format!("{name}.json")));
    let _ = fs::remove_file(dir.join(format!("{name}.lock")));
}
