//! Backups: all data of the authority, in one file that either engine takes.
//!
//! A backup is text, one JSON document a line: a head that says what it is, then table after table with its rows, each
//! ended by how many they are and their sum, and a last line with the SHA-256 of all before it, which a MAC under a key
//! derived from the master key authenticates. It holds neither the root's private half nor, unless it was asked for under
//! a passphrase, the master key.

mod count;
mod file;
mod lines;
mod load;
mod mac;
mod make;
mod migrate;
mod parse;
mod restore;
mod schedule;
mod sql;

pub use count::{BackupProgress, Contents, TableCount};
pub use file::{BackupFile, read};
pub use lines::Head;
pub use load::ProgressFn;
pub use make::Chunks;
pub use migrate::{MigrateOptions, migrate};
pub use restore::{Restore, restore};
pub use schedule::{LastBackup, Schedule};
pub(crate) use schedule::{last, make_due};

use crate::{Error, MasterKey, Result, keys, migrations};
use kaching_base::{ErrorCode, Secret};

/// The associated data of the master key in the head of a backup.
const MASTER: (&str, &str) = ("backup", "master_key");

/// The fewest characters of a passphrase that opens everything.
const MIN_PASSPHRASE: usize = 12;

/// Seals the master key, so that a backup may hold it. Takes half a second: the passphrase is stretched.
fn lock(master: &MasterKey, passphrase: &Secret<String>, salt: [u8; 32]) -> Result<keys::Locked> {
    if passphrase.expose().chars().count() < MIN_PASSPHRASE {
        let detail = format!("a passphrase for the master key has at least {MIN_PASSPHRASE} characters");
        return Err(Error::invalid("/master_key_passphrase", detail));
    }
    keys::Locked::seal(MASTER, master.secret().expose(), passphrase, salt)
}

impl Head {
    /// Checks that this version of the program can serve the data in the backup.
    ///
    /// # Errors
    /// With the version that can.
    pub(crate) fn check_served(&self) -> Result<()> {
        let those = migrations::ALL.those(&self.migrations, &self.minimum_version);
        those.map(drop).map_err(|error| parse::no_backup(&error.to_string()))
    }

    /// Opens the master key in this backup.
    ///
    /// # Errors
    /// If there is none, or the passphrase is wrong.
    pub fn master_key(&self, passphrase: &Secret<String>) -> Result<MasterKey> {
        let Some(locked) = &self.master_key else {
            return Err(refused(
                "this backup does not hold the master key: put master.key into the data directory",
            ));
        };
        match locked.open(MASTER, passphrase) {
            Ok(key) => Ok(MasterKey::new(*key.expose())),
            Err(keys::Unopened::Failed(error)) => Err(error),
            Err(keys::Unopened::Damaged) => {
                Err(refused("the master key in this backup is damaged: take another backup"))
            }
            Err(keys::Unopened::WrongPassphrase) => Err(refused(
                "this passphrase does not open the master key in this backup: give the one it was made with",
            )),
        }
    }
}

fn refused(detail: impl Into<String>) -> Error {
    Error::coded(ErrorCode::WrongState, detail)
}
