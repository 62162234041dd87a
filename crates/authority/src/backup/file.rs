//! A backup as a file: there whole, or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use kaching_base::ErrorCode;

use super::{BackupProgress, Contents, parse::Parser};
use crate::{Error, Result};

/// A backup that is being written under a temporary name; removed if it is dropped before it is finished.
pub struct BackupFile {
    path: PathBuf,
    temporary: PathBuf,
    file: File,
    parser: Parser,
    done: bool,
}

impl BackupFile {
    /// Begins a file that only its owner reads.
    ///
    /// # Errors
    /// If a file with this name exists already, or nothing can be written there.
    pub fn create(path: &Path) -> Result<Self> {
        if path.symlink_metadata().is_ok() {
            return Err(exists(path));
        }
        let name = path
            .file_name()
            .ok_or_else(|| unwritable(path, &io::Error::from(io::ErrorKind::IsADirectory)))?;
        let mut temporary = name.to_owned();
        temporary.push(format!(".{}.unfinished", std::process::id()));
        let temporary = path.with_file_name(temporary);
        // One of a process of this number that was killed.
        let _ = fs::remove_file(&temporary);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary);
        let file = file.map_err(|error| unwritable(path, &error))?;
        Ok(Self { path: path.to_owned(), temporary, file, parser: Parser::default(), done: false })
    }

    /// Takes the next bytes, and looks whether they are what belongs there.
    ///
    /// # Errors
    /// If the disk is full, or what came is no backup.
    pub fn write(&mut self, bytes: &[u8]) -> Result<&BackupProgress> {
        self.file.write_all(bytes).map_err(|error| unwritable(&self.path, &error))?;
        self.parser.feed(bytes, &mut |_| {})?;
        Ok(self.parser.seen())
    }

    /// Puts the whole file in its place, and on disk.
    ///
    /// # Errors
    /// If it is not whole, or a file with its name exists by now.
    pub fn finish(mut self) -> Result<Contents> {
        let contents = std::mem::take(&mut self.parser).finish()?;
        self.file.sync_all().map_err(|error| unwritable(&self.path, &error))?;
        // A link refuses to replace what a rename would; some file systems know none.
        match fs::hard_link(&self.temporary, &self.path) {
            Ok(()) => fs::remove_file(&self.temporary),
            Err(_) if self.path.symlink_metadata().is_ok() => return Err(exists(&self.path)),
            Err(_) => fs::rename(&self.temporary, &self.path),
        }
        .map_err(|error| unwritable(&self.path, &error))?;
        self.done = true;
        let parent = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let synced = File::open(parent.unwrap_or(Path::new("."))).and_then(|directory| directory.sync_all());
        synced.map_err(|error| unwritable(&self.path, &error))?;
        Ok(contents)
    }
}

impl Drop for BackupFile {
    fn drop(&mut self) {
        if !self.done {
            let _ = fs::remove_file(&self.temporary);
        }
    }
}

/// Reads a backup to its end, and returns its contents. Blocks.
///
/// # Errors
/// If it cannot be read, is not whole, was changed, or needs a later version of the program.
pub fn read(path: &Path, mut progress: impl FnMut(&BackupProgress)) -> Result<Contents> {
    let mut file = open(path)?;
    // Of a backup that this version cannot serve, the rest is not worth reading.
    let (mut parser, mut piece) = (Parser::of_served(), vec![0; 256 * 1024]);
    loop {
        let length = file.read(&mut piece).map_err(|error| unreadable(path, &error))?;
        if length == 0 {
            return parser.finish();
        }
        parser.feed(&piece[..length], &mut |_| {})?;
        progress(parser.seen());
    }
}

pub(super) fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|error| unreadable(path, &error))
}

pub(super) fn unreadable(path: &Path, error: &io::Error) -> Error {
    Error::coded(ErrorCode::InvalidRequest, format!("the backup {} cannot be read: {error}", path.display()))
}

fn unwritable(path: &Path, error: &io::Error) -> Error {
    let what = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "its disk is full".to_owned(),
        _ => error.to_string(),
    };
    Error::coded(ErrorCode::WrongState, format!("the backup {} cannot be written: {what}", path.display()))
}

fn exists(path: &Path) -> Error {
    Error::exists(format!(
        "{} exists already, and no backup is written over: name another file",
        path.display()
    ))
}
