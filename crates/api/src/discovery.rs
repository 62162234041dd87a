use serde::{Deserialize, Serialize};

/// `GET /.well-known/kaching`: where everything is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Discovery {
    /// The public URL, as in `iss`.
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    pub issuer: String,
    /// The versions of the protocol that are spoken.
    pub versions: Vec<u32>,
    /// URLs by name.
    pub endpoints: Endpoints,
    /// `kaching-root:<base64url>`, one for each root key.
    pub roots: Vec<String>,
    /// `keyset+jwt`, compact JWS, one for each root key and in the same order.
    pub keysets: Vec<String>,
    /// The authority's life between restores from backup.
    pub epoch: u64,
}

/// The URLs of the product calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Endpoints {
    /// `POST`.
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    pub activate: String,
    /// `POST`.
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    pub heartbeat: String,
    /// `POST`.
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    pub deactivate: String,
    /// `POST`.
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    pub validate: String,
    /// `GET`.
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    pub status: String,
    /// `GET`.
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    pub catalogue: String,
    /// `GET`.
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    pub changes: String,
    /// `GET`: a stream.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    pub events: String,
    /// `POST`.
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    pub reports: String,
    /// `GET`.
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    pub jwks: String,
    /// `GET`: the description of everything.
    #[cfg_attr(feature = "openapi", schema(format = "uri"))]
    pub openapi: String,
}

/// `GET /.well-known/jwks.json`: the signing keys, RFC 7517.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Jwks {
    /// The keys.
    pub keys: Vec<Jwk>,
}

/// A public key, RFC 7517 with `purpose`, `nbf` and `exp`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Jwk {
    /// `OKP` or `RSA`.
    pub kty: String,
    /// `Ed25519`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crv: Option<String>,
    /// The Ed25519 key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub x: Option<String>,
    /// The RSA modulus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<String>,
    /// The RSA exponent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e: Option<String>,
    /// The first 16 characters of the RFC 7638 thumbprint.
    pub kid: String,
    /// `EdDSA` or `RS256`.
    pub alg: String,
    /// `sig`.
    #[serde(rename = "use")]
    pub usage: String,
    /// `lease`, `file`, `key` or `audit`.
    pub purpose: String,
    /// NumericDate.
    pub nbf: i64,
    /// NumericDate.
    pub exp: i64,
}
