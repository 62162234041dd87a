use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use kaching_base::{LeaseAlgorithm, Secret};

use super::{Sign, SignError};
use crate::PublicKey;

/// An Ed25519 key that signs; what is kept of it is its seed.
pub struct Ed25519Signer {
    pair: Ed25519KeyPair,
    public: PublicKey,
    kid: String,
}

impl Ed25519Signer {
    /// The key of this seed: 32 random bytes.
    ///
    /// # Errors
    /// If the cryptographic library refuses it.
    pub fn from_seed(seed: &Secret<[u8; 32]>) -> Result<Self, SignError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.expose()).map_err(|_| SignError::Key)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| SignError::Key)?;
        let public = PublicKey::Ed25519(public);
        let kid = public.kid();
        Ok(Self { pair, public, kid })
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }
}

impl Sign for Ed25519Signer {
    fn algorithm(&self) -> LeaseAlgorithm {
        LeaseAlgorithm::EdDsa
    }

    fn kid(&self) -> &str {
        &self.kid
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(self.pair.try_sign(message).map_err(|_| SignError::Key)?.as_ref().to_vec())
    }
}

/// An RSA-3072 key that signs; what is kept of it is its PKCS #8.
pub struct RsaSigner {
    pair: RsaKeyPair,
    public: PublicKey,
    kid: String,
}

impl RsaSigner {
    /// The key of this PKCS #8 document (DER).
    ///
    /// # Errors
    /// If it is not an RSA key of 3072 bits with the exponent 65537.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self, SignError> {
        let pair = RsaKeyPair::from_pkcs8(der).map_err(|_| SignError::Key)?;
        let public = modulus(pair.public_key().as_ref()).and_then(|n| PublicKey::rsa(n, &[1, 0, 1]));
        let public = public.ok_or(SignError::Key)?;
        let kid = public.kid();
        Ok(Self { pair, public, kid })
    }

    /// A new key as PKCS #8.
    ///
    /// The one place of the pure crates that draws randomness itself: the library finds primes only from its own.
    ///
    /// # Errors
    /// If the cryptographic library fails.
    pub fn generate_pkcs8() -> Result<Secret<Vec<u8>>, SignError> {
        use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
        let pair = RsaKeyPair::generate(KeySize::Rsa3072).map_err(|_| SignError::Key)?;
        let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| SignError::Key)?;
        Ok(Secret::new(der.as_ref().to_vec()))
    }

    /// The public half.
    pub fn public_key(&self) -> &PublicKey {
        &self.public
    }
}

impl Sign for RsaSigner {
    fn algorithm(&self) -> LeaseAlgorithm {
        LeaseAlgorithm::Rs256
    }

    fn kid(&self) -> &str {
        &self.kid
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        let mut signature = vec![0; self.pair.public_modulus_len()];
        // PKCS #1 v1.5 is deterministic: the source of randomness is asked for and not used.
        let signed = self.pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature);
        signed.map(|()| signature).map_err(|_| SignError::Key)
    }
}

/// The modulus out of an `RSAPublicKey` of RFC 8017, which for the one kind that we use has one form: a sequence of
/// the integers n (384 bytes, after a zero that keeps it positive) and 65537.
fn modulus(der: &[u8]) -> Option<&[u8]> {
    der.strip_prefix(b"\x30\x82\x01\x8a\x02\x82\x01\x81\x00")?.strip_suffix(b"\x02\x03\x01\x00\x01")
}
