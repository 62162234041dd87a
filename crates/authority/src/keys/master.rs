//! The master key: 32 bytes that never enter the database.

use aws_lc_rs::hmac;
use kaching_base::{Base64Url, ParseError, Secret, pasted};

/// The key that seals every other key. It is written as 43 symbols of base64url.
#[derive(Clone)]
pub struct MasterKey(Secret<[u8; 32]>);

impl MasterKey {
    /// The key of these random bytes.
    pub fn new(bytes: [u8; 32]) -> Self {
        Self(Secret::new(bytes))
    }

    /// Reads the key as [`encode`](Self::encode) writes it, or as it was [`pasted`].
    ///
    /// # Errors
    /// If it has another form.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let text = Secret::new(pasted(text));
        Base64Url::decode_exact(text.expose().as_bytes()).map(Self::new).ok_or_else(|| {
            ParseError::new(
                "a master key is 43 symbols of base64url, as the first start wrote it to master.key",
            )
        })
    }

    /// Returns the text of `master.key`.
    pub fn encode(&self) -> Secret<String> {
        Secret::new(Base64Url(self.0.expose()).to_string())
    }

    /// Returns the key that authenticates backups: it is derived from this one, and used for nothing else.
    pub(crate) fn backup_mac(&self) -> hmac::Key {
        let master = hmac::Key::new(hmac::HMAC_SHA256, self.0.expose());
        hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&master, b"kaching/backup/mac/v1").as_ref())
    }

    pub(crate) fn secret(&self) -> &Secret<[u8; 32]> {
        &self.0
    }
}
