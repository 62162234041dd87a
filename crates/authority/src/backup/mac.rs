//! Whether a backup is as an authority with this master key has made it.

use aws_lc_rs::hmac;
use kaching_base::Base64Url;

use super::{Contents, refused};
use crate::{MasterKey, Result};

/// The context of the MAC, which keeps it apart from others under the same key.
fn message(sha256: &str) -> Vec<u8> {
    [b"kaching-backup\0", sha256.as_bytes()].concat()
}

/// Authenticates a backup by the SHA-256 of all its lines but the last, in hexadecimal digits.
pub(super) fn sign(key: &hmac::Key, sha256: &str) -> String {
    Base64Url(hmac::sign(key, &message(sha256))).to_string()
}

impl Contents {
    /// Whether the backup carries a MAC; those of earlier releases do not.
    pub fn has_mac(&self) -> bool {
        self.mac.is_some()
    }

    /// Verifies the MAC. `without` accepts a backup that has none, never one whose MAC is wrong.
    ///
    /// # Errors
    /// If it has none, or another one than an authority with this master key would have made.
    pub fn check_mac(&self, master: &MasterKey, without: bool) -> Result<()> {
        let Some(mac) = &self.mac else {
            return match without {
                true => Ok(()),
                false => Err(refused(
                    "this backup has no MAC, as those of earlier releases, so nothing shows that nobody has changed it: if you \
                     know where it has been since it was made, restore it with --without-mac, which is recorded",
                )),
            };
        };
        let right = Base64Url::decode(mac.as_bytes())
            .is_some_and(|mac| hmac::verify(&master.backup_mac(), &message(&self.sha256), &mac).is_ok());
        match right {
            true => Ok(()),
            false => Err(refused(
                "the MAC of this backup is wrong: it was changed after it was made, or made under another master key; use \
                 another copy",
            )),
        }
    }
}
