use kaching_base::{ActivationId, Base64Url};
use sha2::{Digest as _, Sha256};

use crate::Digest;

/// The request hash: what a credential signs and what a statement answers in `req`.
///
/// `path_with_query` is the one that the client sent below the public URL; `identity` is
/// `<activation id>.<generation>.<number>` where a credential is used, else empty.
pub fn request_hash(method: &str, path_with_query: &str, identity: &str, body: &[u8]) -> Digest {
    let mut hash = Sha256::new();
    for part in [method, path_with_query, identity] {
        hash.update(part.as_bytes());
        hash.update(b"\n");
    }
    hash.update(body);
    Digest(hash.finalize().into())
}

/// The sender of a request, as it is hashed.
pub(crate) fn identity(activation: ActivationId, generation: u64, number: u64) -> String {
    format!("{activation}.{generation}.{number}")
}

/// A decimal number in its one canonical form, small enough for every database.
pub(crate) fn decimal(text: &str) -> Option<u64> {
    let canonical = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|n| canonical && i64::try_from(*n).is_ok())
}

/// Base64url of 32 bytes in its one canonical form.
pub(crate) fn bytes32(text: &str) -> Option<[u8; 32]> {
    Base64Url::decode_exact(text.as_bytes())
}
