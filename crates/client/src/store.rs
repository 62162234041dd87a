//! The state directory: two files written in turn, so that one of them is always whole.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use kaching_license::Digest;

use crate::platform;

const FILES: [&str; 2] = ["state-a.json", "state-b.json"];
/// More than any state that we write; what is larger was not written by us.
const LARGEST: u64 = 4 * 1024 * 1024;

/// A state directory that this process holds.
#[derive(Debug)]
pub(crate) struct Store {
    dir: PathBuf,
    /// Held for as long as the store lives; the system frees it when the process ends.
    _lock: File,
    sequence: u64,
}

/// Why a state directory cannot be used.
#[derive(Debug)]
pub(crate) enum StoreError {
    /// Another process holds it.
    InUse,
    /// The system says no.
    Io(io::Error),
}

impl From<io::Error> for StoreError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

impl Store {
    /// Takes the directory, made if it is missing, and the newest whole state in it.
    pub(crate) fn open(dir: &Path) -> Result<(Self, Option<Vec<u8>>), StoreError> {
        platform::private_dir(dir)?;
        let mut options = platform::private_file();
        let lock = options.truncate(false).open(dir.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let (sequence, state) = newest(dir).map_or((0, None), |(sequence, state)| (sequence, Some(state)));
        Ok((Self { dir: dir.to_owned(), _lock: lock, sequence }, state))
    }

    /// The directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Replaces the older of the two files.
    pub(crate) fn save(&mut self, state: &[u8]) -> io::Result<()> {
        let sequence = self.sequence + 1;
        let name = FILES[usize::from(sequence.is_multiple_of(2))];
        let head = format!("{sequence} {}\n", checksum(sequence, state));
        replace(&self.dir, name, &[head.as_bytes(), state])?;
        self.sequence = sequence;
        Ok(())
    }
}

/// Replaces a file as a whole, and for good.
pub(crate) fn replace(dir: &Path, name: &str, parts: &[&[u8]]) -> io::Result<()> {
    let fresh = dir.join(format!("{name}.new"));
    let mut file = platform::private_file().open(&fresh)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.sync_all()?;
    fs::rename(&fresh, dir.join(name))?;
    platform::sync_dir(dir)
}

/// The newest whole state in a directory, whoever holds it, with its number: the same number is the same state.
pub(crate) fn newest(dir: &Path) -> Option<(u64, Vec<u8>)> {
    FILES.iter().filter_map(|name| read(&dir.join(name))).max_by_key(|(sequence, _)| *sequence)
}

fn read(path: &Path) -> Option<(u64, Vec<u8>)> {
    if fs::metadata(path).ok()?.len() > LARGEST {
        return None;
    }
    let bytes = fs::read(path).ok()?;
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (sequence, sum) = str::from_utf8(&bytes[..end]).ok()?.split_once(' ')?;
    let sequence = sequence.parse().ok()?;
    let state = &bytes[end + 1..];
    (checksum(sequence, state) == sum).then(|| (sequence, state.to_vec()))
}

fn checksum(sequence: u64, state: &[u8]) -> String {
    Digest::of([&sequence.to_be_bytes(), state].concat()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A process that another test is just starting holds for a moment what is open here.
    fn opened(dir: &Path) -> (Store, Option<Vec<u8>>) {
        loop {
            match Store::open(dir) {
                Err(StoreError::InUse) => std::thread::yield_now(),
                opened => return opened.unwrap(),
            }
        }
    }

    fn reopened(dir: &Path) -> Option<Vec<u8>> {
        opened(dir).1
    }

    #[test]
    fn the_newest_whole_state_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let (mut store, state) = Store::open(dir.path()).unwrap();
        assert_eq!(state, None);
        for state in ["one", "two", "three"] {
            store.save(state.as_bytes()).unwrap();
        }
        drop(store);
        assert_eq!(reopened(dir.path()).unwrap(), b"three");
        for (name, left) in [(FILES[0], Some("two")), (FILES[1], None)] {
            let path = dir.path().join(name);
            let mut bytes = fs::read(&path).unwrap();
            *bytes.last_mut().unwrap() ^= 1;
            fs::write(path, bytes).unwrap();
            assert_eq!(reopened(dir.path()).as_deref(), left.map(str::as_bytes), "{name} is corrupted");
        }
    }

    #[test]
    fn a_half_written_or_foreign_file_is_no_state() {
        let dir = tempfile::tempdir().unwrap();
        for bytes in [&b""[..], b"1", b"1 x\n", b"\xff\xff\n{}", b"18446744073709551616 x\n{}"] {
            fs::write(dir.path().join(FILES[0]), bytes).unwrap();
            assert_eq!(reopened(dir.path()), None);
        }
    }

    #[test]
    fn one_process_holds_it() {
        let dir = tempfile::tempdir().unwrap();
        let (store, _) = Store::open(dir.path()).unwrap();
        assert!(matches!(Store::open(dir.path()), Err(StoreError::InUse)));
        drop(store);
        opened(dir.path());
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("state");
        let (mut store, _) = Store::open(&dir).unwrap();
        store.save(b"secret").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&dir), 0o700);
        assert_eq!(mode(&dir.join(FILES[0])), 0o600);
    }
}
