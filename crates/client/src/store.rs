//! The state directory: two files written in turn, so that one of them is always whole.

use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use kaching_license::Digest;

mod key;

pub(crate) use key::StateKey;

use crate::platform;

const FILES: [&str; 2] = ["state-a.json", "state-b.json"];
/// The files for the state of another installation, so that a mistyped fingerprint does not cost an installation its
/// license.
const OTHER: [&str; 2] = ["other-a.json", "other-b.json"];
/// In the lock's file: a state with a mac was written here, so one without it does not count any more.
const MARK: &[u8] = b"2\n";
/// How the record in a state without a mac begins.
const OLDER: &[u8] = b"{\"version\":1,";
/// Larger than any state that this program writes.
const LARGEST: u64 = 4 * 1024 * 1024;

/// A state directory that this process holds.
#[derive(Debug)]
pub(crate) struct Store {
    dir: PathBuf,
    key: StateKey,
    /// Held for as long as the store lives; the system frees it when the process ends.
    lock: File,
    sequence: u64,
}

/// The location of an installation's state.
#[derive(Clone, Debug)]
pub(crate) struct StateLocation {
    pub(crate) dir: PathBuf,
    pub(crate) key: StateKey,
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

/// The state in a state directory, even if another process holds that.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum StoredState {
    /// No state.
    None,
    /// No state of this installation, but one of another, or one that somebody has changed.
    Foreign,
    /// The newest whole state, with its number: the same number is the same state.
    Found(u64, Vec<u8>),
}

impl Store {
    /// Locks the directory, made if it is missing, and returns the newest whole state in it.
    pub(crate) fn open(dir: &Path, key: &StateKey) -> Result<(Self, Option<Vec<u8>>), StoreError> {
        platform::private_dir(dir)?;
        let lock = platform::lock_file().open(dir.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(StoreError::InUse),
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let mut store = Self { dir: dir.to_owned(), key: key.clone(), lock, sequence: 0 };
        let state = match find(dir, key) {
            StoredState::Found(sequence, state) => {
                store.sequence = sequence;
                Some(state)
            }
            StoredState::None | StoredState::Foreign => store.swap_states()?,
        };
        Ok((store, state))
    }

    /// Puts the state of another installation away, and takes back that of this one, if it was put away before.
    fn swap_states(&mut self) -> io::Result<Option<Vec<u8>>> {
        let StoredState::Found(sequence, state) = find_in(&self.dir, &self.key, OTHER) else {
            self.put_away()?;
            return Ok(None);
        };
        remove(&self.dir, &OTHER)?;
        self.put_away()?;
        self.sequence = sequence;
        self.save(&state)?;
        Ok(Some(state))
    }

    fn put_away(&self) -> io::Result<()> {
        for (name, other) in FILES.iter().zip(OTHER) {
            match fs::rename(self.dir.join(name), self.dir.join(other)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// The directory.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Replaces the older of the two files.
    pub(crate) fn save(&mut self, state: &[u8]) -> io::Result<()> {
        let sequence = self.sequence + 1;
        let name = FILES[usize::from(sequence.is_multiple_of(2))];
        let head = format!("{sequence} mac {}\n", self.key.mac(sequence, state));
        replace(&self.dir, name, &[head.as_bytes(), state])?;
        self.sequence = sequence;
        if self.lock.metadata()?.len() == 0 {
            self.lock.write_all(MARK)?;
        }
        Ok(())
    }

    /// Removes the state, which needs no room on the disk.
    ///
    /// # Errors
    /// If some of it is still there.
    pub(crate) fn forget(&self) -> io::Result<()> {
        remove(&self.dir, &FILES)
    }
}

/// Removes files, or empties them where they cannot be removed.
fn remove(dir: &Path, names: &[&str]) -> io::Result<()> {
    let mut outcome = Ok(());
    for name in names {
        let path = dir.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                outcome = outcome.and(platform::truncate(&path));
            }
            _ => {}
        }
    }
    // A power loss should not bring it back. If that cannot be ensured, it is still removed.
    let _ = platform::sync_dir(dir);
    outcome
}

/// Replaces a file as a whole and durably.
pub(crate) fn replace(dir: &Path, name: &str, parts: &[&[u8]]) -> io::Result<()> {
    let fresh = dir.join(format!("{name}.new"));
    // A file that an ended process left, or somebody planted, is never written to.
    match fs::remove_file(&fresh) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let written = write(&fresh, parts).and_then(|()| fs::rename(&fresh, dir.join(name)));
    if written.is_err() {
        let _ = fs::remove_file(&fresh);
    }
    written?;
    platform::sync_dir(dir)
}

fn write(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let mut file = platform::new_file().open(path)?;
    for part in parts {
        file.write_all(part)?;
    }
    file.sync_all()
}

/// Finds the state of this installation in a directory.
pub(crate) fn find(dir: &Path, key: &StateKey) -> StoredState {
    find_in(dir, key, FILES)
}

fn find_in(dir: &Path, key: &StateKey, names: [&str; 2]) -> StoredState {
    let left: Vec<_> = names.iter().filter_map(|name| read(&dir.join(name), key)).collect();
    // A state without a mac counts where none with one was written yet: so a product is updated without contact.
    let marked = platform::open_file(&dir.join("lock")).and_then(|lock| lock.metadata());
    let older = marked.is_ok_and(|lock| lock.len() == 0)
        && left.iter().all(|left| matches!(left, StateFile::Older(..)));
    let newest = left.iter().filter_map(|left| match left {
        StateFile::Proven(sequence, state) => Some((sequence, state)),
        StateFile::Older(sequence, state) if older => Some((sequence, state)),
        StateFile::Older(..) | StateFile::Unproven => None,
    });
    match newest.max_by_key(|(sequence, _)| **sequence) {
        Some((sequence, state)) => StoredState::Found(*sequence, state.clone()),
        None if left.is_empty() => StoredState::None,
        None => StoredState::Foreign,
    }
}

/// The contents of one file.
enum StateFile {
    /// A state of this installation.
    Proven(u64, Vec<u8>),
    /// A state as older versions of this program wrote it, with a mere checksum.
    Older(u64, Vec<u8>),
    /// Another installation's, or changed, or damaged.
    Unproven,
}

fn read(path: &Path, key: &StateKey) -> Option<StateFile> {
    let bytes = match platform::read_file(path, LARGEST) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(_) => return Some(StateFile::Unproven),
    };
    Some(parse(&bytes, key).unwrap_or(StateFile::Unproven))
}

fn parse(bytes: &[u8], key: &StateKey) -> Option<StateFile> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let (head, state) = (str::from_utf8(&bytes[..end]).ok()?, &bytes[end + 1..]);
    let mut parts = head.split(' ');
    let sequence: u64 = parts.next()?.parse().ok()?;
    // The next one is one more.
    let counts = sequence < u64::MAX;
    match (parts.next()?, parts.next(), parts.next()) {
        ("mac", Some(mac), None) if key.proves(mac, sequence, state) && counts => {
            Some(StateFile::Proven(sequence, state.to_vec()))
        }
        (sum, None, None) if checksum(sequence, state) == sum && counts && state.starts_with(OLDER) => {
            Some(StateFile::Older(sequence, state.to_vec()))
        }
        _ => None,
    }
}

fn checksum(sequence: u64, state: &[u8]) -> String {
    Digest::of([&sequence.to_be_bytes(), state].concat()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> StateKey {
        key_of("one")
    }

    fn key_of(name: &str) -> StateKey {
        let product = "chorus".parse().unwrap();
        StateKey::of(&product, &crate::Fingerprint::instance(name).unwrap())
    }

    /// Opens the directory, and waits for its lock: a process that another test is just starting may hold it for a moment.
    fn opened(dir: &Path) -> (Store, Option<Vec<u8>>) {
        loop {
            match Store::open(dir, &key()) {
                Err(StoreError::InUse) => File::open(dir.join("lock")).unwrap().lock().unwrap(),
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
        let (mut store, state) = Store::open(dir.path(), &key()).unwrap();
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
        let (store, _) = Store::open(dir.path(), &key()).unwrap();
        assert!(matches!(Store::open(dir.path(), &key()), Err(StoreError::InUse)));
        drop(store);
        opened(dir.path());
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_reads_it() {
        use std::os::unix::fs::PermissionsExt as _;
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("state");
        let (mut store, _) = Store::open(&dir, &key()).unwrap();
        store.save(b"secret").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&dir), 0o700);
        assert_eq!(mode(&dir.join(FILES[0])), 0o600);
    }
}
