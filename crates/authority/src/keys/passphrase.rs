//! Sealing by a passphrase: the root, and a master key in a backup.

use argon2::{Algorithm, Argon2, Params, Version};
use kaching_base::{Base64Url, Secret};
use serde::{Deserialize, Serialize};

use super::{Sealer, seal::place};
use crate::{Error, Result};

/// The second recommended option of RFC 9106, section 4: 64 MiB, three passes; one lane, as one thread computes it.
const MEMORY_KIB: u32 = 65_536;
const PASSES: u32 = 3;

/// A secret, sealed under a passphrase.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Locked {
    v: u32,
    kdf: String,
    memory_kib: u32,
    passes: u32,
    salt: String,
    sealed: String,
}

/// Why something stays sealed.
pub(crate) enum Unopened {
    /// It is not what was sealed.
    Damaged,
    WrongPassphrase,
    /// The machine could not.
    Failed(Error),
}

impl Locked {
    /// Seals the part `what` of `file`. Takes a moment: the passphrase is stretched.
    pub(crate) fn seal(
        (file, what): (&str, &str),
        plain: &[u8],
        passphrase: &Secret<String>,
        salt: [u8; 32],
    ) -> Result<Self> {
        let key = stretch(passphrase, &salt, MEMORY_KIB, PASSES)?;
        let sealed = Sealer::new(&key).seal(&place(file, what, &salt), plain)?;
        Ok(Self {
            v: 1,
            kdf: "argon2id".to_owned(),
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            salt: Base64Url(salt).to_string(),
            sealed: Base64Url(sealed).to_string(),
        })
    }

    /// Opens it. Takes a moment: the passphrase is stretched.
    pub(crate) fn open(
        &self,
        (file, what): (&str, &str),
        passphrase: &Secret<String>,
    ) -> Result<Secret<[u8; 32]>, Unopened> {
        // The bounds keep a changed file from asking for all the memory there is.
        if self.v != 1 || self.kdf != "argon2id" || self.memory_kib > 1 << 20 || self.passes > 64 {
            return Err(Unopened::Damaged);
        }
        let salt = Base64Url::decode(self.salt.as_bytes()).ok_or(Unopened::Damaged)?;
        let sealed = Base64Url::decode(self.sealed.as_bytes()).ok_or(Unopened::Damaged)?;
        let key = stretch(passphrase, &salt, self.memory_kib, self.passes).map_err(Unopened::Failed)?;
        let plain = Sealer::new(&key).unseal(&place(file, what, &salt), &sealed);
        let plain = Secret::new(plain.map_err(|_| Unopened::WrongPassphrase)?);
        plain.expose().as_slice().try_into().map(Secret::new).map_err(|_| Unopened::Damaged)
    }
}

fn stretch(
    passphrase: &Secret<String>,
    salt: &[u8],
    memory_kib: u32,
    passes: u32,
) -> Result<Secret<[u8; 32]>> {
    let fail = |error: argon2::Error| Error::Failure(format!("a passphrase cannot be stretched: {error}"));
    let params = Params::new(memory_kib, passes, 1, Some(32)).map_err(fail)?;
    let mut key = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.expose().as_bytes(), salt, &mut key)
        .map_err(fail)?;
    Ok(Secret::new(key))
}
