//! The key that authenticates API tokens: write access to the database is not enough to make one, or to give one more
//! rights.

use aws_lc_rs::hmac;
use kaching_base::Secret;
use kaching_domain::Token;
use sha2::{Digest as _, Sha256};

/// The key of both codes that are stored with a token.
pub(crate) struct TokenKey(hmac::Key);

impl TokenKey {
    pub(crate) fn new(key: &Secret<[u8; 32]>) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.expose()))
    }

    /// Returns what a token is found by.
    pub(crate) fn lookup(&self, secret: &Secret<String>) -> [u8; 32] {
        self.lookup_of(&Sha256::digest(secret.expose().as_bytes()).into())
    }

    /// Returns what a token is found by, from the SHA-256 of its secret, which is all that earlier releases stored.
    pub(crate) fn lookup_of(&self, sha256: &[u8; 32]) -> [u8; 32] {
        code(&hmac::sign(&self.0, sha256))
    }

    /// Authenticates the rights of a token: its id, what it is found by, its scopes, and when it ends or ended.
    pub(crate) fn rights(&self, token: &Token, lookup: &[u8; 32]) -> [u8; 32] {
        code(&hmac::sign(&self.0, &message(token, lookup)))
    }

    /// Whether these are the rights that were given to the token.
    pub(crate) fn confirms(&self, token: &Token, lookup: &[u8; 32], rights: &[u8]) -> bool {
        hmac::verify(&self.0, &message(token, lookup), rights).is_ok()
    }
}

/// Longer than the 32 bytes of a lookup, so that neither code passes for the other.
fn message(token: &Token, lookup: &[u8; 32]) -> Vec<u8> {
    let mut message = b"kaching/token/rights/v1\0".to_vec();
    message.extend(token.id.as_bytes());
    message.extend(lookup);
    for at in [token.expires_at, token.archived_at] {
        message.push(u8::from(at.is_some()));
        message.extend(at.map_or(0, |at| at.micros()).to_be_bytes());
    }
    for scope in &token.scopes {
        message.extend(scope.as_str().as_bytes());
        message.push(0);
    }
    message
}

fn code(tag: &hmac::Tag) -> [u8; 32] {
    tag.as_ref().try_into().expect("SHA-256 has 32 bytes")
}
