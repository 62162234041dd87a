//! The root key, which products pin. Its private half is sealed by a passphrase and may live elsewhere.

use std::{
    fmt, fs,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use kaching_base::{Base64Url, Secret};
use kaching_license::{Ed25519Signer, PublicKey, RootKey};
use sha2::{Digest as _, Sha256};

use super::{
    files::write_private,
    passphrase::{Locked, Unopened},
};
use crate::{Error, Result};

/// The associated data of the seal.
const PLACE: (&str, &str) = ("root.key", "seed");

/// The place where the sealed private half of the root is kept.
#[derive(Clone, Debug)]
pub enum RootStore {
    /// In `root.key` of this directory, next to `root.pub`.
    Directory(PathBuf),
    /// In the database, which several replicas share.
    Database,
    /// In the memory of this process, which no passphrase seals: for an authority that a test starts and forgets.
    Memory(RootMemory),
}

/// The seed of a root that is stored nowhere. Its clones share it.
#[derive(Clone, Default)]
pub struct RootMemory(Arc<OnceLock<Secret<[u8; 32]>>>);

impl fmt::Debug for RootMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RootMemory")
    }
}

/// The root at hand: it signs keysets.
pub(crate) struct Root {
    pub(crate) public: RootKey,
    pub(crate) signer: Ed25519Signer,
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

    /// Opens a text that [`seal`] made.
    ///
    /// # Errors
    /// If the passphrase is wrong, or the text was changed.
    pub(crate) fn open(text: &str, passphrase: &Secret<String>) -> Result<Self> {
        let damaged = || Error::Failure("root.key is damaged: put back the copy that you kept".to_owned());
        let file: Locked = serde_json::from_str(text).map_err(|_| damaged())?;
        let seed = file.open(PLACE, passphrase).map_err(|unopened| match unopened {
            Unopened::Damaged => damaged(),
            Unopened::Failed(error) => error,
            Unopened::WrongPassphrase => Error::Failure(
                "this passphrase does not open root.key: set keys.root_passphrase to the right one"
                    .to_owned(),
            ),
        })?;
        Self::from_seed(&seed)
    }
}

/// The text of `root.key` for this seed.
pub(crate) fn seal(seed: &Secret<[u8; 32]>, passphrase: &Secret<String>, salt: [u8; 32]) -> Result<String> {
    let file = Locked::seal(PLACE, seed.expose(), passphrase, salt)?;
    Ok(serde_json::to_string_pretty(&file).expect("plain fields serialise") + "\n")
}

/// The place of the root, and the passphrase that opens it.
pub(crate) struct RootKeeper {
    store: RootStore,
    passphrase: Secret<String>,
}

impl RootKeeper {
    pub(crate) fn new(store: RootStore, passphrase: Secret<String>) -> Self {
        Self { store, passphrase }
    }

    /// Opens the root; `None` if it is kept elsewhere. Takes half a second: the passphrase is stretched.
    pub(crate) fn open(&self, in_database: Option<&str>) -> Result<Option<Root>> {
        if let RootStore::Memory(RootMemory(seed)) = &self.store {
            return seed.get().map(Root::from_seed).transpose();
        }
        let text = self.sealed(in_database.map(str::to_owned))?;
        text.map(|text| Root::open(&text, &self.passphrase)).transpose()
    }

    /// Returns its sealed text; `None` if it is kept elsewhere.
    pub(crate) fn sealed(&self, in_database: Option<String>) -> Result<Option<String>> {
        match &self.store {
            RootStore::Database => Ok(in_database),
            RootStore::Memory(_) => Ok(None),
            RootStore::Directory(directory) => match fs::read_to_string(directory.join("root.key")) {
                Ok(text) => Ok(Some(text)),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(Error::Failure(format!("root.key cannot be read: {error}"))),
            },
        }
    }

    /// Returns the digest of `root.key`; `None` where the root is kept in the database, or elsewhere.
    pub(crate) fn file_digest(&self) -> Result<Option<String>> {
        let text = self.sealed(None)?;
        Ok(text.map(|text| Base64Url(Sha256::digest(text.as_bytes())).to_string()))
    }

    /// Creates a root. Returns its sealed text too, where that belongs into the database.
    pub(crate) fn create(&self, seed: Secret<[u8; 32]>, salt: [u8; 32]) -> Result<(Root, Option<String>)> {
        let root = Root::from_seed(&seed)?;
        match &self.store {
            RootStore::Memory(RootMemory(kept)) => {
                let full = || Error::Failure("a root is kept in memory already".to_owned());
                kept.set(seed).map_err(|_| full())?;
                Ok((root, None))
            }
            RootStore::Database => Ok((root, Some(seal(&seed, &self.passphrase, salt)?))),
            RootStore::Directory(directory) => {
                write_private(&directory.join("root.key"), &seal(&seed, &self.passphrase, salt)?)?;
                Ok((root, None))
            }
        }
    }

    /// Writes the root's public half into the same directory, for the products that pin it.
    pub(crate) fn publish(&self, public: &RootKey) -> Result<()> {
        match &self.store {
            RootStore::Database | RootStore::Memory(_) => Ok(()),
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
    fn a_root_in_memory_is_sealed_nowhere() {
        let store = RootStore::Memory(RootMemory::default());
        let keeper = || RootKeeper::new(store.clone(), Secret::new(String::new()));
        assert!(keeper().open(None).unwrap().is_none(), "none was made yet");
        let (made, in_database) = keeper().create(Secret::new([3; 32]), [9; 32]).unwrap();
        assert!(in_database.is_none() && keeper().sealed(None).unwrap().is_none());
        assert_eq!(keeper().open(None).unwrap().unwrap().public, made.public, "a second start finds it");
        assert!(keeper().create(Secret::new([4; 32]), [9; 32]).is_err(), "and makes no other");
    }

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
