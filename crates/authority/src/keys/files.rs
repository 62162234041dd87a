//! Files that only their owner reads.

use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use crate::{Error, Result};

/// Writes a file that only its owner reads, whole or not at all.
///
/// # Errors
/// If it cannot be written.
pub fn write_private(path: &Path, text: &str) -> Result<()> {
    let failed =
        |error: std::io::Error| Error::Failure(format!("{} cannot be written: {error}", path.display()));
    let temporary = path.with_extension("tmp");
    let _ = fs::remove_file(&temporary);
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&temporary, path).map_err(failed)?;
    let directory =
        path.parent().ok_or_else(|| Error::Failure(format!("{} has no directory", path.display())))?;
    fs::File::open(directory).and_then(|directory| directory.sync_all()).map_err(failed)
}
