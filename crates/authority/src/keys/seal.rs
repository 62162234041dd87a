//! AES-256-GCM with the place of the sealed data as associated data.

use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use kaching_base::Secret;

use crate::{Error, Result};

/// One sealing key.
pub(crate) struct Sealer(RandomizedNonceKey);

/// Returns the place of a sealed value, as associated data. A zero byte ends each part, so that no two places read alike.
pub(crate) fn place(table: &str, column: &str, id: &[u8]) -> Vec<u8> {
    [table.as_bytes(), b"\0", column.as_bytes(), b"\0", id].concat()
}

impl Sealer {
    pub(crate) fn new(key: &Secret<[u8; 32]>) -> Self {
        Self(RandomizedNonceKey::new(&AES_256_GCM, key.expose()).expect("AES-256 takes 32 bytes"))
    }

    /// Nonce, ciphertext and tag, one behind the other.
    pub(crate) fn seal(&self, place: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
        let mut sealed = plain.to_vec();
        let nonce = self
            .0
            .seal_in_place_append_tag(Aad::from(place), &mut sealed)
            .map_err(|_| Error::Failure("a value could not be sealed".to_owned()))?;
        Ok([&nonce.as_ref()[..], &sealed].concat())
    }

    pub(crate) fn unseal(&self, place: &[u8], sealed: &[u8]) -> Result<Vec<u8>> {
        let damaged = || {
            Error::Failure(
                "a sealed value cannot be opened: it was changed, or sealed under another key".to_owned(),
            )
        };
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let mut plain = sealed.to_vec();
        let length = self.0.open_in_place(nonce, Aad::from(place), &mut plain).map_err(|_| damaged())?.len();
        plain.truncate(length);
        Ok(plain)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_only_in_its_place() {
        let sealer = Sealer::new(&Secret::new([7; 32]));
        let sealed = sealer.seal(&place("keys", "private", b"1"), b"secret").unwrap();
        assert_eq!(sealer.unseal(&place("keys", "private", b"1"), &sealed).unwrap(), b"secret");
        assert!(sealer.unseal(&place("keys", "private", b"2"), &sealed).is_err());
        assert!(Sealer::new(&Secret::new([8; 32])).unseal(&place("keys", "private", b"1"), &sealed).is_err());
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(sealer.unseal(&place("keys", "private", b"1"), &changed).is_err());
            assert!(sealer.unseal(&place("keys", "private", b"1"), &sealed[..at]).is_err());
        }
    }
}
