//! A backup as a file: there whole, or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use kaching_base::ErrorCode;

use super::{Contents, Seen, parse::Parser};
use crate::{Error, Result};

/// A backup that is being written beside the place where it will stand; removed if it is dropped before.
pub struct BackupFile {
    path: PathBuf,
    beside: PathBuf,
    file: File,
    parser: Parser,
    done: bool,
}

impl BackupFile {
    /// Begins a file that only its owner reads.
    ///
    /// # Errors
    /// If something stands there already, or nothing can be written there.
    pub fn create(path: &Path) -> Result<Self> {
        if path.symlink_metadata().is_ok() {
            return Err(exists(path));
        }
        let name = path
            .file_name()
            .ok_or_else(|| unwritable(path, &io::Error::from(io::ErrorKind::IsADirectory)))?;
        let mut beside = name.to_owned();
        beside.push(format!(".{}.unfinished", std::process::id()));
        let beside = path.with_file_name(beside);
        // One of a process of this number that was killed.
        let _ = fs::remove_file(&beside);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside);
        let file = file.map_err(|error| unwritable(path, &error))?;
        Ok(Self { path: path.to_owned(), beside, file, parser: Parser::default(), done: false })
    }

    /// Takes the next bytes, and looks whether they are what belongs there.
    ///
    /// # Errors
    /// If the disk is full, or what came is no backup.
    pub fn write(&mut self, bytes: &[u8]) -> Result<&Seen> {
        self.file.write_all(bytes).map_err(|error| unwritable(&self.path, &error))?;
        self.parser.feed(bytes, &mut |_| {})?;
        Ok(self.parser.seen())
    }

    /// Puts the whole file in its place, and on disk.
    ///
    /// # Errors
    /// If it is not whole, or something stands there by now.
    pub fn finish(mut self) -> Result<Contents> {
        let contents = std::mem::take(&mut self.parser).finish()?;
        self.file.sync_all().map_err(|error| unwritable(&self.path, &error))?;
        // A link refuses to replace what a rename would; some file systems know none.
        match fs::hard_link(&self.beside, &self.path) {
            Ok(()) => fs::remove_file(&self.beside),
            Err(_) if self.path.symlink_metadata().is_ok() => return Err(exists(&self.path)),
            Err(_) => fs::rename(&self.beside, &self.path),
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
            let _ = fs::remove_file(&self.beside);
        }
    }
}

/// Reads a backup to its end, and says what is in it. Blocks.
///
/// # Errors
/// If it cannot be read, is not whole, was changed, or needs a later version of the program.
pub fn read(path: &Path, mut told: impl FnMut(&Seen)) -> Result<Contents> {
    let mut file = open(path)?;
    // Of a backup that this version cannot serve, the rest is not worth reading.
    let (mut parser, mut piece) = (Parser::of_served(), vec![0; 256 * 1024]);
    loop {
        let length = file.read(&mut piece).map_err(|error| unreadable(path, &error))?;
        if length == 0 {
            return parser.finish();
        }
        parser.feed(&piece[..length], &mut |_| {})?;
        told(parser.seen());
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
