//! A database's file, to be synced past SQLite: SQLite syncs only what a checkpoint has moved whole, and then the
//! writer waits for the disk.
//!
//! Closing a descriptor of a file gives up the locks that the process holds on it through others (fcntl(2)), and
//! SQLite's are such locks. So a process has one of each file, closed when nothing else of it has the file open.

use std::{
    collections::BTreeMap,
    fs::File,
    io,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// One holder of a file's descriptor; dropped after the connections to it.
pub(super) struct DataFile(Key);

/// Device and inode.
type Key = (u64, u64);

/// The descriptors, each with how many hold it.
type Open = BTreeMap<Key, (Arc<File>, usize)>;

static OPEN: Mutex<Open> = Mutex::new(BTreeMap::new());

/// All descriptors. While this lives no other thread closes one, so that connections are opened under it.
pub(super) struct Files(MutexGuard<'static, Open>);

impl Files {
    pub(super) fn lock() -> Self {
        Self(OPEN.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the data file of a database that has connections.
    pub(super) fn of(&mut self, path: &Path) -> io::Result<DataFile> {
        let found = std::fs::metadata(path)?;
        let key = (found.dev(), found.ino());
        if let Some((_, holders)) = self.0.get_mut(&key) {
            *holders += 1;
        } else {
            self.0.insert(key, (Arc::new(File::open(path)?), 1));
        }
        Ok(DataFile(key))
    }
}

impl DataFile {
    /// Returns when the disk has all that was written to it.
    pub(super) fn sync(&self) -> io::Result<()> {
        let file = Files::lock().0.get(&self.0).map(|(file, _)| Arc::clone(file));
        file.map_or(Ok(()), |file| file.sync_data())
    }
}

impl Drop for DataFile {
    fn drop(&mut self) {
        let mut files = Files::lock();
        if let Some((_, holders)) = files.0.get_mut(&self.0) {
            *holders -= 1;
            if *holders == 0 {
                files.0.remove(&self.0);
            }
        }
    }
}
