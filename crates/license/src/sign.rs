//! Signing through a trait, so that the keeper of the private keys decides how they are stored.

use kaching_base::LeaseAlgorithm;

#[cfg(feature = "sign")]
mod keys;
#[cfg(feature = "sign")]
pub use keys::{Ed25519Signer, RsaSigner};

/// One private key that signs.
pub trait Sign: Send + Sync {
    /// The algorithm.
    fn algorithm(&self) -> LeaseAlgorithm;

    /// The name under which the keyset lists its public half.
    fn kid(&self) -> &str;

    /// The signature as JWS carries it: 64 bytes for Ed25519, 384 for RSA-3072.
    ///
    /// # Errors
    /// If the key cannot be used.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;
}

/// Why there is no signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The private key is damaged or of another kind.
    #[error("this signing key cannot be used: it is damaged, or of another kind than it should be")]
    Key,
    /// The statement would be longer than any verifier accepts.
    #[error("the statement is longer than 16 KiB: the license grants too many features or limits")]
    TooLong,
}
