use std::{fmt, str::FromStr};

use kaching_base::{Base64Url, ParseError};

use crate::{PublicKey, request::bytes32};

/// The public half of a root key, as a product pins it: `kaching-root:<base64url>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RootKey([u8; 32]);

impl RootKey {
    /// The root key of these 32 bytes.
    ///
    /// # Errors
    /// If they are no point of the curve, or one for which anybody could sign.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Self, ParseError> {
        match ed25519_dalek::VerifyingKey::from_bytes(&bytes) {
            Ok(key) if !key.is_weak() => Ok(Self(bytes)),
            _ => Err(ParseError::new("these 32 bytes are no Ed25519 public key")),
        }
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The name in the headers of its keysets.
    pub fn kid(&self) -> String {
        PublicKey::Ed25519(self.0).kid()
    }
}

impl fmt::Display for RootKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kaching-root:{}", Base64Url(self.0))
    }
}

impl FromStr for RootKey {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let bytes = text.trim().strip_prefix("kaching-root:").and_then(bytes32);
        Self::from_bytes(bytes.ok_or_else(|| {
            ParseError::new("a root key is one line that looks like kaching-root:<43 characters>")
        })?)
    }
}
