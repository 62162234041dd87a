//! The fixed keys of the vectors. Ed25519 seeds are one byte 32 times.

use kaching_base::{Base64Url, LeaseAlgorithm, Secret};
use kaching_license::{Ed25519Signer, PublicKey, RootKey, RsaSigner, Sign, SignError};

use crate::file;

pub(crate) const ROOT: u8 = 1;
pub(crate) const OTHER_ROOT: u8 = 2;
pub(crate) const LEASE: u8 = 3;
pub(crate) const FILE: u8 = 4;
pub(crate) const AUDIT: u8 = 5;
pub(crate) const RETIRED: u8 = 6;
pub(crate) const STRANGER: u8 = 7;

pub(crate) fn ed25519(seed: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed(&Secret::new([seed; 32])).unwrap()
}

pub(crate) fn rsa() -> RsaSigner {
    RsaSigner::from_pkcs8(&rsa_pkcs8()).unwrap()
}

pub(crate) fn rsa_pkcs8() -> Vec<u8> {
    Base64Url::decode(file::read("rsa-3072.json")["pkcs8"].as_str().unwrap().as_bytes()).unwrap()
}

pub(crate) fn root(seed: u8) -> RootKey {
    match ed25519(seed).public_key() {
        PublicKey::Ed25519(bytes) => RootKey::from_bytes(*bytes).unwrap(),
        PublicKey::Rsa3072(_) => unreachable!("roots are Ed25519"),
    }
}

/// Signs with one key and says that it was another.
pub(crate) struct Impostor<'a>(pub(crate) &'a dyn Sign, pub(crate) String);

impl Sign for Impostor<'_> {
    fn algorithm(&self) -> LeaseAlgorithm {
        self.0.algorithm()
    }
    fn kid(&self) -> &str {
        &self.1
    }
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        self.0.sign(message)
    }
}

#[test]
fn signers_refuse_what_is_not_their_key() {
    let der = rsa_pkcs8();
    assert!(RsaSigner::from_pkcs8(&der[..der.len() - 1]).is_err());
    assert!(RsaSigner::from_pkcs8(b"").is_err());
}

#[test]
fn a_new_rsa_key_signs() {
    let der = RsaSigner::generate_pkcs8().unwrap();
    let signer = RsaSigner::from_pkcs8(der.expose()).unwrap();
    assert_eq!(signer.sign(b"message").unwrap().len(), 384);
    assert_ne!(signer.kid(), rsa().kid());
}
