//! The local socket: for the command line of the same user, or root.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use tokio::net::{UnixListener, UnixStream};

use super::BindError;
use crate::Peer;

/// Binds `kaching.sock`. The caller holds the directory's lock, so a socket that exists is left from a process that ended.
pub(super) fn bind(directory: &Path) -> Result<(UnixListener, PathBuf), BindError> {
    let path = directory.join("kaching.sock");
    // The address of a socket has room for 107 bytes on Linux, 103 elsewhere (unix(7)).
    if path.as_os_str().len() > 103 {
        return Err(BindError(format!(
            "{} is too long for a socket: choose a data directory with a shorter path",
            path.display()
        )));
    }
    let cannot = |error: io::Error| BindError(format!("{} cannot be used: {error}", path.display()));
    match fs::symlink_metadata(&path) {
        Ok(found) if found.file_type().is_socket() => fs::remove_file(&path).map_err(cannot)?,
        Ok(_) => {
            return Err(BindError(format!("{} is not a socket: move it away", path.display())));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(cannot(error)),
    }
    let listener = UnixListener::bind(&path).map_err(cannot)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(cannot)?;
    Ok((listener, path))
}

/// Returns the user at the other end, if that is the server's own user or root.
pub(super) fn peer(stream: &UnixStream, socket: &Path) -> Option<Peer> {
    let uid = stream.peer_cred().ok()?.uid();
    // The socket was made by this process: its owner is our user.
    let ours = fs::metadata(socket).ok()?.uid();
    (uid == ours || uid == 0).then_some(Peer::Local(uid))
}
