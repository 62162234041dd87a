//! The root key: what products pin. Its private half is sealed by a passphrase and may live elsewhere.

use std::{fs, path::PathBuf};

use argon2::{Algorithm, Argon2, Params, Version};
use kaching_base::{Base64Url, Secret};
use kaching_license::{Ed25519Signer, PublicKey, RootKey};
use serde::{Deserialize, Serialize};

use super::{Sealer, files::write_private, seal::place};
use crate::{Error, Result};

/// The second recommended option of RFC 9106, section 4: 64 MiB, three passes; one lane, as one thread computes it.
const MEMORY_KIB: u32 = 65_536;
const PASSES: u32 = 3;

/// Where the sealed private half of the root is kept.
#[derive(Clone, Debug)]
pub enum RootStore {
    /// In `root.key` of this directory, with `root.pub` beside it.
    Directory(PathBuf),
    /// In the database, which several replicas share.
    Database,
}

/// The root at hand: it signs keysets.
pub(crate) struct Root {
    pub(crate) public: RootKey,
    pub(crate) signer: Ed25519Signer,
}

/// The root's private half as it is kept.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    v: u32,
    kdf: String,
    memory_kib: u32,
    passes: u32,
    salt: String,
    sealed: String,
}

impl Root {
    /// The root of this seed.
    pub(crate) fn from_seed(seed: &Secret<[u8; 32]>) -> Result<Self> {
        let signer = Ed25519Signer::from_seed(seed)
            .map_err(|error| Error::Failure(format!("the root key: {error}")))?;
        let PublicKey::Ed25519(public) = *signer.public_key() else {
            return Err(Error::Failure("the root key is not an Ed25519 key".to_owned()));
        };
        let public =
            RootKey::from_bytes(public).map_err(|error| Error::Failure(format!("the root key: {error}")))?;
        Ok(Self { public, signer })
    }

    /// Opens what [`seal`] made.
    ///
    /// # Errors
    /// If the passphrase is another one, or the text was changed.
    pub(crate) fn open(text: &str, passphrase: &Secret<String>) -> Result<Self> {
        let damaged = || Error::Failure("root.key is damaged: put back the copy that you kept".to_owned());
        let file: Sealed = serde_json::from_str(text).map_err(|_| damaged())?;
        // The bounds keep a changed file from asking for all the memory there is.
        if file.v != 1 || file.kdf != "argon2id" || file.memory_kib > 1 << 20 || file.passes > 64 {
            return Err(damaged());
        }
        let salt = Base64Url::decode(file.salt.as_bytes()).ok_or_else(damaged)?;
        let sealed = Base64Url::decode(file.sealed.as_bytes()).ok_or_else(damaged)?;
        let key = stretch(passphrase, &salt, file.memory_kib, file.passes)?;
        let seed = Sealer::new(&key).unseal(&place("root.key", "seed", &salt), &sealed).map_err(|_| {
            Error::Failure(
                "this passphrase does not open root.key: set keys.root_passphrase to the right one"
                    .to_owned(),
            )
        })?;
        let seed = seed.try_into().map(Secret::new).map_err(|_| damaged())?;
        Self::from_seed(&seed)
    }
}

/// The text of `root.key` for this seed.
pub(crate) fn seal(seed: &Secret<[u8; 32]>, passphrase: &Secret<String>, salt: [u8; 32]) -> Result<String> {
    let key = stretch(passphrase, &salt, MEMORY_KIB, PASSES)?;
    let sealed = Sealer::new(&key).seal(&place("root.key", "seed", &salt), seed.expose())?;
    let file = Sealed {
        v: 1,
        kdf: "argon2id".to_owned(),
        memory_kib: MEMORY_KIB,
        passes: PASSES,
        salt: Base64Url(salt).to_string(),
        sealed: Base64Url(sealed).to_string(),
    };
    Ok(serde_json::to_string_pretty(&file).expect("plain fields serialise") + "\n")
}

fn stretch(
    passphrase: &Secret<String>,
    salt: &[u8],
    memory_kib: u32,
    passes: u32,
) -> Result<Secret<[u8; 32]>> {
    let fail = |error: argon2::Error| {
        Error::Failure(format!("the root key's passphrase cannot be stretched: {error}"))
    };
    let params = Params::new(memory_kib, passes, 1, Some(32)).map_err(fail)?;
    let mut key = [0; 32];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into(passphrase.expose().as_bytes(), salt, &mut key)
        .map_err(fail)?;
    Ok(Secret::new(key))
}

/// Where the root is, and what opens it.
pub(crate) struct RootKeeper {
    store: RootStore,
    passphrase: Secret<String>,
}

impl RootKeeper {
    pub(crate) fn new(store: RootStore, passphrase: Secret<String>) -> Self {
        Self { store, passphrase }
    }

    /// The root at hand; nothing if it lives elsewhere. Takes a moment: the passphrase is stretched.
    pub(crate) fn open(&self, in_database: Option<&str>) -> Result<Option<Root>> {
        let text = match &self.store {
            RootStore::Database => in_database.map(str::to_owned),
            RootStore::Directory(directory) => match fs::read_to_string(directory.join("root.key")) {
                Ok(text) => Some(text),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
                Err(error) => return Err(Error::Failure(format!("root.key cannot be read: {error}"))),
            },
        };
        text.map(|text| Root::open(&text, &self.passphrase)).transpose()
    }

    /// Makes a root. Gives its sealed text where that belongs into the database.
    pub(crate) fn create(&self, seed: Secret<[u8; 32]>, salt: [u8; 32]) -> Result<(Root, Option<String>)> {
        let root = Root::from_seed(&seed)?;
        let text = seal(&seed, &self.passphrase, salt)?;
        match &self.store {
            RootStore::Database => Ok((root, Some(text))),
            RootStore::Directory(directory) => {
                write_private(&directory.join("root.key"), &text)?;
                Ok((root, None))
            }
        }
    }

    /// Writes the root's public half beside it, for the products that pin it.
    pub(crate) fn publish(&self, public: &RootKey) -> Result<()> {
        match &self.store {
            RootStore::Database => Ok(()),
            RootStore::Directory(directory) => {
                let (path, line) = (directory.join("root.pub"), format!("{public}\n"));
                if fs::read_to_string(&path).is_ok_and(|present| present == line) {
                    return Ok(());
                }
                write_private(&path, &line)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_with_its_passphrase() {
        let right = Secret::new("horse".to_owned());
        let text = seal(&Secret::new([3; 32]), &right, [9; 32]).unwrap();
        let root = Root::open(&text, &right).unwrap();
        assert_eq!(root.public, Root::from_seed(&Secret::new([3; 32])).unwrap().public);
        let wrong = Root::open(&text, &Secret::new("mule".to_owned())).err().unwrap().to_string();
        assert!(wrong.contains("passphrase"), "{wrong}");
        assert!(Root::open("{}", &right).err().unwrap().to_string().contains("damaged"));
    }
}
