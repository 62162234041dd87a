//! Shared by the targets: fixed keys, and statements of any payload under a good signature, so that the fuzzer
//! reaches the parser behind the verification.

use ed25519_dalek::{Signer as _, SigningKey};
use kaching_base::{Base64Url, LeaseAlgorithm, Timestamp};
use kaching_license::{
    Jwk, KeyPurpose, Keyset, PublicKey, RootKey, Sign, SignError, StatementType, TrustedKeyset,
};

/// The moment of the seeds.
pub const NOW: Timestamp = Timestamp::from_seconds(1_795_000_001);

/// A key of the vectors: its seed is one byte 32 times.
pub struct Key(SigningKey, String);

impl Key {
    pub fn root() -> Self {
        Self::of(1)
    }

    pub fn lease() -> Self {
        Self::of(3)
    }

    fn of(seed: u8) -> Self {
        let key = SigningKey::from_bytes(&[seed; 32]);
        let kid = PublicKey::Ed25519(key.verifying_key().to_bytes()).kid();
        Self(key, kid)
    }

    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }
}

impl Sign for Key {
    fn algorithm(&self) -> LeaseAlgorithm {
        LeaseAlgorithm::EdDsa
    }
    fn kid(&self) -> &str {
        &self.1
    }
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        Ok(self.0.sign(message).to_bytes().to_vec())
    }
}

/// A statement of this payload with a good signature.
pub fn signed(typ: StatementType, payload: &[u8], key: &Key) -> String {
    let header = format!(r#"{{"alg":"EdDSA","typ":"{}","kid":"{}"}}"#, typ.as_str(), key.kid());
    let message = format!("{}.{}", Base64Url(header), Base64Url(payload));
    let signature = key.0.sign(message.as_bytes()).to_bytes();
    format!("{message}.{}", Base64Url(signature))
}

pub fn root() -> RootKey {
    RootKey::from_bytes(Key::root().public()).expect("it is a good key")
}

/// The keyset that lists the lease key.
pub fn keyset() -> TrustedKeyset {
    TrustedKeyset::own(Keyset {
        iss: "https://licenses.example.com".to_owned(),
        version: 7,
        epoch: 1,
        iat: NOW,
        exp: Timestamp::MAX,
        keys: vec![Jwk {
            public: PublicKey::Ed25519(Key::lease().public()),
            purpose: KeyPurpose::Lease,
            nbf: Timestamp::from_seconds(0),
            exp: Timestamp::MAX,
        }],
    })
    .expect("its key is good")
}
