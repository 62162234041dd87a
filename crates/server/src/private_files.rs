//! Files of the authority that no other user may read.

use std::{fs, io, os::unix::fs::PermissionsExt, path::Path};

use crate::listen::BindError;

/// The files of a data directory that hold secrets, or data that secrets unlock.
const OURS: [&str; 6] =
    ["master.key", "root.key", "first-token", "kaching.db", "kaching.db-wal", "kaching.db-shm"];

/// Refuses a data directory with a secret that others can read.
///
/// # Errors
/// With the file and the command that corrects its mode.
pub fn check_private_files(directory: &Path) -> Result<(), BindError> {
    for name in OURS {
        let path = directory.join(name);
        if others_can_read(&path).map_err(|e| BindError(format!("{} cannot be read: {e}", path.display())))? {
            let path = path.display();
            return Err(BindError(format!("{path} can be read by others: run 'chmod 600 {path}'")));
        }
    }
    Ok(())
}

/// Returns whether anyone but the owner may read or write this file; false if it does not exist.
///
/// # Errors
/// If its metadata cannot be read.
pub fn others_can_read(path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(found) => Ok(found.permissions().mode() & 0o077 != 0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_file_and_the_command() {
        let directory = tempfile::tempdir().unwrap();
        let key = directory.path().join("master.key");
        check_private_files(directory.path()).unwrap();
        fs::write(&key, "secret").unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
        let message = check_private_files(directory.path()).unwrap_err().to_string();
        assert!(message.contains("master.key can be read by others: run 'chmod 600 "), "{message}");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        check_private_files(directory.path()).unwrap();
    }
}
