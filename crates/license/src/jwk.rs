use std::{borrow::Cow, fmt, str::FromStr};

use kaching_base::{Base64Url, LeaseAlgorithm, ParseError, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{Digest, claims::numeric_date, request::bytes32};

/// The public half of a key that signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    /// Ed25519.
    Ed25519([u8; 32]),
    /// The modulus of an RSA key of 3072 bits; the exponent is 65537.
    Rsa3072(Box<[u8; 384]>),
}

/// The purpose of a signing key; a key verifies only the statements of its purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyPurpose {
    /// Leases, refusals, validations.
    Lease,
    /// License files.
    File,
    /// License keys that are verified offline.
    Key,
    /// Checkpoints of the audit log.
    Audit,
}

impl KeyPurpose {
    /// Every purpose.
    pub const ALL: &'static [Self] = &[Self::Lease, Self::File, Self::Key, Self::Audit];

    /// The word in the keyset and in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Lease => "lease",
            Self::File => "file",
            Self::Key => "key",
            Self::Audit => "audit",
        }
    }
}

impl fmt::Display for KeyPurpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for KeyPurpose {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let found = Self::ALL.iter().copied().find(|purpose| purpose.as_str() == text);
        found.ok_or_else(|| ParseError::new("a key's purpose is one of lease, file, key, audit"))
    }
}

impl Serialize for KeyPurpose {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for KeyPurpose {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Cow::<'de, str>::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A signing key as a keyset lists it: a JWK of RFC 7517 with a purpose and its times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub struct Jwk {
    /// The key itself.
    pub public: PublicKey,
    /// Its purpose.
    pub purpose: KeyPurpose,
    /// The first moment at which it signs.
    pub nbf: Timestamp,
    /// The moment from which it signs no more.
    pub exp: Timestamp,
}

/// The answer of `/.well-known/jwks.json`: a JWK Set that any JWT library reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwks {
    /// The keys.
    pub keys: Vec<Jwk>,
}

const EXPONENT: &[u8] = &[1, 0, 1];

impl PublicKey {
    /// An RSA key, if it is of the one kind that we use: 3072 bits, exponent 65537.
    pub fn rsa(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let modulus: Box<[u8; 384]> = Box::new(modulus.try_into().ok()?);
        (modulus[0] >= 0x80 && exponent == EXPONENT).then_some(Self::Rsa3072(modulus))
    }

    /// The algorithm.
    pub fn algorithm(&self) -> LeaseAlgorithm {
        match self {
            Self::Ed25519(_) => LeaseAlgorithm::EdDsa,
            Self::Rsa3072(_) => LeaseAlgorithm::Rs256,
        }
    }

    /// The first 16 characters of the thumbprint of RFC 7638: the name in every header.
    pub fn kid(&self) -> String {
        let members = match self {
            Self::Ed25519(x) => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, Base64Url(x)),
            Self::Rsa3072(n) => format!(r#"{{"e":"AQAB","kty":"RSA","n":"{}"}}"#, Base64Url(n.as_ref())),
        };
        let mut kid = Digest::of(members).to_string();
        kid.truncate(16);
        kid
    }
}

impl Jwk {
    /// The name under which statements refer to it.
    pub fn kid(&self) -> String {
        self.public.kid()
    }

    /// Whether it may have signed something at this moment. Statements name whole seconds, rounded down: a key signs
    /// from the beginning of the second in which it was made.
    pub fn signs_at(&self, iat: Timestamp) -> bool {
        self.nbf.seconds() <= iat.seconds() && iat.seconds() < self.exp.seconds()
    }
}

#[derive(Clone, Serialize, Deserialize)]
struct Wire {
    kty: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crv: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    e: Option<String>,
    kid: String,
    alg: LeaseAlgorithm,
    r#use: String,
    purpose: KeyPurpose,
    #[serde(with = "numeric_date")]
    nbf: Timestamp,
    #[serde(with = "numeric_date")]
    exp: Timestamp,
}

impl From<Jwk> for Wire {
    fn from(jwk: Jwk) -> Self {
        let (kty, crv, x, n, e) = match &jwk.public {
            PublicKey::Ed25519(x) => ("OKP", Some("Ed25519"), Some(Base64Url(x).to_string()), None, None),
            PublicKey::Rsa3072(n) => {
                ("RSA", None, None, Some(Base64Url(n.as_ref()).to_string()), Some(Base64Url(EXPONENT)))
            }
        };
        Self {
            kty: kty.to_owned(),
            crv: crv.map(str::to_owned),
            x,
            n,
            e: e.map(|e| e.to_string()),
            kid: jwk.kid(),
            alg: jwk.public.algorithm(),
            r#use: "sig".to_owned(),
            purpose: jwk.purpose,
            nbf: jwk.nbf,
            exp: jwk.exp,
        }
    }
}

impl TryFrom<Wire> for Jwk {
    type Error = ParseError;

    fn try_from(wire: Wire) -> Result<Self, ParseError> {
        let public = match (wire.kty.as_str(), wire.crv.as_deref(), wire.alg) {
            ("OKP", Some("Ed25519"), LeaseAlgorithm::EdDsa) => {
                wire.x.as_deref().and_then(bytes32).map(PublicKey::Ed25519)
            }
            ("RSA", None, LeaseAlgorithm::Rs256) => {
                let bytes = |text: Option<String>| Base64Url::decode(text?.as_bytes());
                bytes(wire.n).zip(bytes(wire.e)).and_then(|(n, e)| PublicKey::rsa(&n, &e))
            }
            _ => None,
        };
        let public =
            public.ok_or_else(|| ParseError::new("a key is Ed25519 for EdDSA, or RSA-3072 for RS256"))?;
        if wire.kid != public.kid() || wire.r#use != "sig" {
            return Err(ParseError::new("a key's kid is its thumbprint, and its use is sig"));
        }
        Ok(Self { public, purpose: wire.purpose, nbf: wire.nbf, exp: wire.exp })
    }
}

/// Reads the keys of a keyset. It skips keys of a later version, so that a keyset may list them; the others must be
/// valid.
pub(crate) fn known_keys<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<Jwk>, D::Error> {
    #[derive(Deserialize)]
    struct Words {
        alg: String,
        purpose: String,
    }
    let mut keys = Vec::new();
    for listed in Vec::<serde_json::Value>::deserialize(d)? {
        let words = Words::deserialize(&listed).map_err(serde::de::Error::custom)?;
        let known =
            words.alg.parse::<LeaseAlgorithm>().is_ok() && words.purpose.parse::<KeyPurpose>().is_ok();
        if known {
            keys.push(serde_json::from_value(listed).map_err(serde::de::Error::custom)?);
        }
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_signs_from_the_second_in_which_it_was_made() {
        let made = Timestamp::from_micros(1_800_000_000_900_000);
        let public = PublicKey::Ed25519([1; 32]);
        let key = Jwk { public, purpose: KeyPurpose::Lease, nbf: made, exp: made.plus_days(1) };
        assert!(key.signs_at(Timestamp::from_seconds(1_800_000_000)));
        assert!(!key.signs_at(Timestamp::from_seconds(1_799_999_999)));
        assert!(!key.signs_at(Timestamp::from_seconds(1_800_000_000).plus_days(1)));
    }
}
