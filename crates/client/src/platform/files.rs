//! Files of this program alone, in directories where no other user can plant one.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _},
    path::Path,
};

/// The longest file with an id that is read; ids have 256 bytes at most.
const LONGEST_ID: u64 = 4096;

/// Options that follow no symbolic link in the place of the file.
#[cfg(unix)]
fn options() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    let flags = rustix::fs::OFlags::NOFOLLOW.bits();
    options.mode(0o600).custom_flags(i32::try_from(flags).unwrap_or(0));
    options
}

/// Only administrators make symbolic links there, unless the system is configured otherwise.
#[cfg(not(unix))]
fn options() -> OpenOptions {
    OpenOptions::new()
}

/// Options that make a file for its owner alone, which must not be there; where files have no modes, for whom the
/// directory is.
pub(crate) fn new_file() -> OpenOptions {
    let mut options = options();
    options.write(true).create_new(true);
    options
}

/// Options that open a file to be locked, made where it is missing.
pub(crate) fn lock_file() -> OpenOptions {
    let mut options = options();
    options.write(true).create(true).truncate(false);
    options
}

/// Opens a file that is there.
pub(crate) fn open_file(path: &Path) -> io::Result<File> {
    let file = options().read(true).open(path)?;
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"))
    }
}

/// Empties a file that is there.
pub(crate) fn truncate(path: &Path) -> io::Result<()> {
    options().write(true).open(path)?.set_len(0)
}

/// Reads a file that is there.
///
/// # Errors
/// Also if it is longer than `longest`.
pub(crate) fn read_file(path: &Path, longest: u64) -> io::Result<Vec<u8>> {
    read(open_file(path)?, longest)
}

fn read(file: File, longest: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(longest + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > longest {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is too long"));
    }
    Ok(bytes)
}

/// Reads an id, which somebody may have put there: as a link, too, where that is ours or the administrator's, as in a
/// volume of Kubernetes. In a directory where others can put files it has to belong to us or to the administrator.
pub(crate) fn read_id(path: &Path) -> io::Result<String> {
    let entry = fs::symlink_metadata(path)?;
    if !is_ours(&entry) && (entry.is_symlink() || trust(parent(path)).is_err()) {
        return Err(denied(
            "it belongs to another user, who could replace it: let this program's user or root own it",
        ));
    }
    let file = if entry.is_symlink() { File::open(path)? } else { open_file(path)? };
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    let bytes = read(file, LONGEST_ID)?;
    String::from_utf8(bytes).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no text"))
}

/// The directory of a file.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Makes a directory, and its parents, for its owner alone; where directories have no modes, for whom the parent is.
///
/// # Errors
/// Also if others can put files into it.
pub(crate) fn private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)?;
    trust(path)
}

/// Syncs a directory, so that what was renamed inside it lasts, where directories can be synced.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

fn denied(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::PermissionDenied, why)
}

#[cfg(not(unix))]
fn is_ours(_: &fs::Metadata) -> bool {
    true
}

#[cfg(not(unix))]
fn trust(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Whether something belongs to this process's user or to root.
#[cfg(unix)]
fn is_ours(metadata: &fs::Metadata) -> bool {
    let owner = std::os::unix::fs::MetadataExt::uid(metadata);
    owner == 0 || owner == rustix::process::geteuid().as_raw()
}

/// Checks that only this user, root and one of its groups can put files into a directory.
///
/// # Errors
/// With who can, and what to do.
#[cfg(unix)]
fn trust(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;
    const ANYBODY: u32 = 0o002;
    const GROUP: u32 = 0o020;
    // A link is as good as who made it, and what it leads to.
    let (entry, there) = (fs::symlink_metadata(dir)?, fs::metadata(dir)?);
    let owned = is_ours(&entry) && is_ours(&there);
    let private = there.mode() & ANYBODY == 0 && (there.mode() & GROUP == 0 || is_our_group(there.gid()));
    if owned && private {
        return Ok(());
    }
    // Some network file systems say of everything, also of what we make there, that it is another's or everybody's.
    let made = probe(dir);
    let like_ours = |metadata: &fs::Metadata| {
        is_ours(metadata) || made.as_ref().is_ok_and(|made| made.uid() == metadata.uid())
    };
    if !(like_ours(&entry) && like_ours(&there)) {
        return Err(denied(
            "it belongs to another user, who could replace what is in it: let this program's user or root own it \
             (chown)",
        ));
    }
    let has_modes = made.as_ref().is_ok_and(|made| made.mode() & 0o077 == 0) || made.is_err();
    // A container has no other users, and many of its volumes belong to root and are open for everybody.
    let volume = there.uid() == 0 && !rustix::process::geteuid().is_root() && super::in_container();
    if private || !has_modes || volume {
        return Ok(());
    }
    Err(denied(
        "other users can write to it, and could plant files there: take that right from them (chmod o-w, and g-w where \
         this program's user is not in the group)",
    ))
}

#[cfg(unix)]
fn is_our_group(group: u32) -> bool {
    let ours = rustix::process::getgroups().unwrap_or_default();
    rustix::process::getegid().as_raw() == group || ours.iter().any(|ours| ours.as_raw() == group)
}

/// Returns the metadata that the file system gives to a file of ours.
#[cfg(unix)]
fn probe(dir: &Path) -> io::Result<fs::Metadata> {
    let path = dir.join(format!(".kaching-{}", std::process::id()));
    let made = new_file().open(&path)?.metadata();
    let _ = fs::remove_file(path);
    made
}
