use serde::{Deserialize, Serialize};

use crate::SecretText;

/// `POST /v1/admin/backup`: the answer is the backup itself, one JSON document a line.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BackupRequest {
    /// Puts the master key into the backup, under this passphrase; for users of the authority's machine alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub master_key_passphrase: Option<SecretText>,
}

/// `POST /v1/admin/keys/root`: the root's private half as it is kept, sealed by its passphrase.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SealedRoot {
    /// `kaching-root:<base64url>`: what a product pins.
    pub root: String,
    /// The text of `root.key`.
    pub sealed: SecretText,
}
