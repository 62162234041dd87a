//! The statements that the vectors start from, and the ways to sign them wrongly.

use std::collections::BTreeSet;

use kaching_base::{
    ActivationId, Anchor, Base64Url, Code, ErrorCode, LicenseId, LicenseType, Limit, Mode, Overage, Period,
    Seconds, Timestamp,
};
use kaching_license::{
    Checkpoint, Claims, Digest, Expected, Grace, Jwk, KeyPurpose, Keyset, Lease, Moment, PublicKey, Refusal,
    Sign, StatementType, TrustedKeyset, Validation, ValidationCode, encode, not_before, request_hash,
};
use serde_json::{Value, json};

use crate::keys;

/// 2026-11-18T03:06:40Z.
pub(crate) const NOW: i64 = 1_795_000_000;
const DAY: i64 = 86_400;

pub(crate) fn at(offset: i64) -> Timestamp {
    Timestamp::from_seconds(NOW + offset)
}

pub(crate) fn code(text: &str) -> Code {
    text.parse().unwrap()
}

fn codes(list: &[&str]) -> BTreeSet<Code> {
    list.iter().map(|text| code(text)).collect()
}

pub(crate) fn license() -> LicenseId {
    "lic_01jd6w9q2hf4rb8s0zv3k5m7n9".parse().unwrap()
}

pub(crate) fn activation() -> ActivationId {
    "act_01jd6w9q2hf4rb8s0zv3k5m7na".parse().unwrap()
}

pub(crate) fn request() -> Digest {
    request_hash("POST", "/v1/activate", "", br#"{"nonce":"00112233445566778899aabbccddeeff"}"#)
}

pub(crate) fn lease() -> Lease {
    let counter = Limit::Counter {
        max: Some(10_000),
        per: Period::Month,
        anchor: Anchor::Utc,
        overage: Overage::Soft(Some(1_000)),
    };
    Lease {
        iss: "https://licenses.example.com".to_owned(),
        aud: code("chorus"),
        iat: at(0),
        nbf: not_before(at(0)),
        exp: at(900),
        ks: 7,
        jti: "AAECAwQFBgcICQoLDA0ODw".to_owned(),
        sub: license(),
        act: activation(),
        fpr: Digest::of("cluster-eu-1"),
        hb: 300,
        req: request(),
        run_until: at(900) + Seconds::days(3),
        epoch: 1,
        rev: 3,
        plan: code("team"),
        r#type: LicenseType::Standard,
        features: codes(&["federation", "audit_export"]),
        limits: [
            (Code::activations(), Limit::Slots { max: Some(1) }),
            (code("nodes"), Limit::Level { max: Some(25) }),
            (code("services"), Limit::Level { max: None }),
            (code("jobs"), counter),
        ]
        .into(),
        lic_exp: Some(at(365 * DAY)),
        grace: Grace {
            offline_s: 259_200,
            expiry_s: 1_209_600,
            mode: Mode::Degrade,
            keep: codes(&["audit_export"]),
        },
        cat: Digest::of("the catalogue's body"),
        log: None,
    }
}

pub(crate) fn checkpoint() -> Checkpoint {
    Checkpoint { origin: "licenses.example.com/audit/1".to_owned(), size: 42, root: Digest::of("a tree") }
}

pub(crate) fn refusal() -> Refusal {
    Refusal {
        iss: lease().iss,
        aud: Some(code("chorus")),
        iat: at(0),
        exp: at(60),
        ks: 7,
        sub: Some(license()),
        act: Some(activation()),
        req: Some(request()),
        epoch: 1,
        rev: Some(4),
        code: ErrorCode::LicenseSuspended.into(),
        detail: "The license is suspended. Ask your vendor.".to_owned(),
    }
}

pub(crate) fn validation() -> Validation {
    Validation {
        iss: lease().iss,
        aud: Some(code("chorus")),
        iat: at(0),
        exp: at(60),
        ks: 7,
        sub: Some(license()),
        req: request(),
        epoch: 1,
        rev: Some(3),
        code: ValidationCode::Valid,
        valid: true,
    }
}

fn jwk(public: &PublicKey, purpose: KeyPurpose, from: i64, to: i64) -> Jwk {
    Jwk { public: public.clone(), purpose, nbf: at(from * DAY), exp: at(to * DAY) }
}

pub(crate) fn keyset() -> Keyset {
    let ed25519 = |seed, purpose, from, to| jwk(keys::ed25519(seed).public_key(), purpose, from, to);
    Keyset {
        iss: lease().iss,
        version: 7,
        epoch: 1,
        iat: at(-3600),
        exp: at(-3600) + Seconds::days(30),
        keys: vec![
            ed25519(keys::LEASE, KeyPurpose::Lease, -10, 80),
            jwk(keys::rsa().public_key(), KeyPurpose::Lease, -10, 80),
            ed25519(keys::FILE, KeyPurpose::File, -10, 80),
            ed25519(keys::AUDIT, KeyPurpose::Audit, -10, 80),
            ed25519(keys::RETIRED, KeyPurpose::Lease, -100, -1),
        ],
    }
}

pub(crate) fn keyset_text() -> String {
    encode(&keyset(), &keys::ed25519(keys::ROOT)).unwrap()
}

pub(crate) fn trusted() -> TrustedKeyset {
    TrustedKeyset::verify(&keyset_text(), &[keys::root(keys::ROOT)], Some(6), Moment::Now(at(0))).unwrap()
}

/// What the client of these statements knows of itself.
pub(crate) fn expected() -> Expected<'static> {
    Expected {
        aud: Some("chorus"),
        sub: Some(license()),
        act: Some(activation()),
        fpr: Some(Digest::of("cluster-eu-1")),
        req: Some(request()),
    }
}

/// A statement of any header and payload.
pub(crate) fn raw(
    header: impl AsRef<[u8]>,
    payload: impl AsRef<[u8]>,
    sign: impl FnOnce(&[u8]) -> Vec<u8>,
) -> String {
    signed(format!("{}.{}", Base64Url(header), Base64Url(payload)), sign)
}

/// A statement of any two parts.
pub(crate) fn signed(message: String, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> String {
    let signature = sign(message.as_bytes());
    format!("{message}.{}", Base64Url(signature))
}

/// A statement of any payload, under the header that its key writes.
pub(crate) fn payload(r#type: StatementType, payload: impl AsRef<[u8]>, signer: &dyn Sign) -> String {
    let header = json!({"alg": signer.algorithm(), "typ": r#type.as_str(), "kid": signer.kid()}).to_string();
    raw(&header, payload, |message| signer.sign(message).unwrap())
}

/// The usual lease with a change, signed as it should be.
pub(crate) fn changed(change: impl FnOnce(&mut Value)) -> String {
    changed_claims(&lease(), change)
}

/// A statement with a change, signed as it should be.
pub(crate) fn changed_claims<C: Claims>(claims: &C, change: impl FnOnce(&mut Value)) -> String {
    let mut claims = serde_json::to_value(claims).unwrap();
    change(&mut claims);
    payload(C::TYPE, claims.to_string(), &keys::ed25519(keys::LEASE))
}

/// What a case needs of a verifier besides EdDSA: nothing, or the algorithm of the key that it names.
pub(crate) fn needs(statement: &str) -> Option<&'static str> {
    let header = statement.split('.').next().and_then(|header| Base64Url::decode(header.as_bytes()))?;
    let header: Value = serde_json::from_slice(&header).ok()?;
    (header["kid"] == keys::rsa().kid()).then_some("RS256")
}

/// The usual lease under another header, signed as it should be.
pub(crate) fn headed(header: &Value) -> String {
    let claims = serde_json::to_string(&lease()).unwrap();
    raw(header.to_string(), &claims, |message| keys::ed25519(keys::LEASE).sign(message).unwrap())
}
