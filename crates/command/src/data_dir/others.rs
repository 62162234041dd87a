//! Other users than the one whose service uses the directory.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use kaching_server::config::Config;

use super::DataDir;
use crate::{failure::Failure, settings};

impl DataDir {
    /// Refuses another user than the owner of the directory. Files that root, for example, made in it would stop the server of
    /// its owner, who may not read them.
    pub(super) fn check_owner(&self) -> Result<(), Failure> {
        let Ok(found) = fs::metadata(&self.0) else { return Ok(()) };
        if found.uid() == rustix::process::geteuid().as_raw() {
            return Ok(());
        }
        let user = user(found.uid());
        Err(Failure::refused(format!(
            "{} belongs to another user, whose server could not read what this command writes: run it as that user, `sudo -u \
             {user} kaching …`, or name another directory with --data.",
            self.0.display()
        )))
    }

    /// Returns the file of the settings with the command that closes it, if it is a link to a file with a secret that others
    /// can read: the mode of this directory does not protect it there. The group of the directory may read it, so that root
    /// can own it.
    pub(super) fn settings_open_to_others(&self) -> Option<(PathBuf, String)> {
        let link = self.join("config.toml");
        if !fs::symlink_metadata(&link).is_ok_and(|found| found.is_symlink()) {
            return None;
        }
        let file = fs::canonicalize(link).ok()?;
        let (found, ours) = (fs::metadata(&file).ok()?, fs::metadata(&self.0).ok()?.gid());
        let command = if found.mode() & 0o007 != 0 {
            format!("chmod o= {}", file.display())
        } else if found.mode() & 0o070 != 0 && found.gid() != ours {
            format!("chgrp {ours} {}", file.display())
        } else {
            return None;
        };
        has_secret(&file).then_some((file, command))
    }
}

fn has_secret(file: &Path) -> bool {
    let nothing = |_: &str| Err(io::ErrorKind::NotFound.into());
    let text = settings::read_text(file).unwrap_or_default();
    // A file with an error is reported where it is used.
    Config::read(&text, &BTreeMap::new(), nothing).is_ok_and(|config| {
        config.database.url.is_some() || config.keys.master.is_some() || config.keys.root_passphrase.is_some()
    })
}

/// Returns the name of a user, else the number as sudo takes it.
fn user(id: u32) -> String {
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("'#{id}'"))
}
