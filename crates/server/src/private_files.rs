//! Files of the authority that no other user may read.

use std::{fs, io, os::unix::fs::MetadataExt as _, path::Path};

use rustix::process::{getegid, geteuid};

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

/// Returns whether anyone but the owner may read or write this file; false if it does not exist. A file of root that the group
/// of this process may read is closed to others, too: platforms mount secrets like that.
///
/// # Errors
/// If its metadata cannot be read.
pub fn others_can_read(path: &Path) -> io::Result<bool> {
    match fs::metadata(path) {
        Ok(found) => {
            let reader = User { id: geteuid().as_raw(), group: getegid().as_raw() };
            Ok(is_open(found.mode(), User { id: found.uid(), group: found.gid() }, reader))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// A user and a group: the owner of a file, or who runs this process.
#[derive(Clone, Copy)]
struct User {
    id: u32,
    group: u32,
}

fn is_open(mode: u32, owner: User, reader: User) -> bool {
    let mounted = owner.id == 0 && reader.id != 0 && owner.group == reader.group;
    mode & (if mounted { 0o037 } else { 0o077 }) != 0
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

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
    #[test]
    fn a_file_of_root_is_closed_if_only_our_group_can_read_it() {
        let (root, ours) = (User { id: 0, group: 7 }, User { id: 1000, group: 7 });
        assert!(!is_open(0o440, root, ours));
        assert!(!is_open(0o600, ours, ours));
        assert!(is_open(0o460, root, ours), "the group may write");
        assert!(is_open(0o444, root, ours), "everybody may read");
        assert!(is_open(0o440, root, User { group: 8, ..ours }), "another group");
        assert!(is_open(0o440, ours, ours), "the owner could open it further");
        assert!(
            is_open(0o440, User { id: 0, group: 0 }, User { id: 0, group: 0 }),
            "others may be in the group of root"
        );
    }
}
