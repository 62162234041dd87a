//! Statements that are nearly right: of somebody whose name begins like ours, or at a moment that only one claim excludes.

use kaching_license::{Digest, Refusal, Validation, encode};
use serde_json::json;

use super::{Case, LEASE, REFUSAL, VALIDATION, case, good, now, running};
use crate::{
    keys::{self, ed25519},
    world::{NOW, at, changed, code, lease, refusal, validation},
};

pub(super) fn cases() -> Vec<Case> {
    let answer = || json!("answer");
    let key = ed25519(keys::LEASE);
    let refused = |change: fn(&mut Refusal)| {
        let mut refusal = refusal();
        change(&mut refusal);
        encode(&refusal, &key).unwrap()
    };
    let validated = |change: fn(&mut Validation)| {
        let mut validation = validation();
        change(&mut validation);
        encode(&validation, &key).unwrap()
    };
    let (early, half) = (-11 * 86_400, 450);
    let mut before = lease();
    (before.iat, before.nbf) = (at(early), at(early - 60));
    let named = |claim: &'static str, value: &'static str| changed(|claims| claims[claim] = json!(value));
    let short = || changed(|claims| claims["run_until"] = json!(NOW + half));
    vec![
        case(
            "an authority with a slash more",
            LEASE,
            named("iss", "https://licenses.example.com/"),
            now(1),
            "issuer",
        ),
        case(
            "an authority in capitals",
            LEASE,
            named("iss", "https://LICENSES.example.com"),
            now(1),
            "issuer",
        ),
        case("an audience in capitals", LEASE, named("aud", "CHORUS"), now(1), "audience"),
        case("an audience that only begins like ours", LEASE, named("aud", "chorus-pro"), now(1), "audience"),
        case(
            "an audience that goes on after a null byte",
            LEASE,
            named("aud", "chorus\0"),
            now(1),
            "audience",
        ),
        case("an empty audience", LEASE, named("aud", ""), now(1), "audience"),
        case(
            "a refusal of another product",
            REFUSAL,
            refused(|r| r.aud = Some(code("caio"))),
            answer(),
            "audience",
        ),
        case(
            "a refusal of another license",
            REFUSAL,
            refused(|r| r.sub = Some(other_license())),
            answer(),
            "license",
        ),
        case(
            "a validation of another request",
            VALIDATION,
            validated(|v| v.req = Digest::of("another")),
            answer(),
            "request",
        ),
        case(
            "a validation of another product",
            VALIDATION,
            validated(|v| v.aud = Some(code("caio"))),
            answer(),
            "audience",
        ),
        case("signed before its key's time", LEASE, encode(&before, &key).unwrap(), now(1), "key_time"),
        case("running past exp, before run_until", LEASE, good(), running(901), "valid"),
        case("running past run_until, before exp", LEASE, short(), running(half + 1), "expired"),
        case(
            "an answer that is valid only later",
            LEASE,
            changed(|claims| claims["nbf"] = json!(NOW + 10)),
            answer(),
            "not_yet_valid",
        ),
    ]
}

fn other_license() -> kaching_base::LicenseId {
    "lic_01jd6w9q2hf4rb8s0zv3k5m7nb".parse().unwrap()
}
