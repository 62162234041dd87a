//! A product's features and plans as its customers may see them: the bytes that are served and hashed.

use kaching_license::Digest;

/// The catalogue of a product. The server sends `body` as it is, so that its hash is the `cat` of the leases.
pub struct Catalogue {
    /// JSON.
    pub body: String,
    /// SHA-256 of the body: the ETag, and `cat`.
    pub etag: Digest,
}
