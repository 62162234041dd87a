use kaching_license::{Digest, Refusal, encode};
use serde_json::json;

use super::{Case, LEASE, REFUSAL, VALIDATION, case, good, knowing, now, running};
use crate::{
    keys::{self, ed25519},
    world::{at, changed, keyset, lease, refusal, validation},
};

pub(super) fn cases() -> Vec<Case> {
    let answer = || json!("answer");
    let other = Digest::of("another");
    let (key, end) = (ed25519(keys::LEASE), 900 + 259_200);
    let pushed = |change: fn(&mut Refusal)| {
        let mut refusal = refusal();
        change(&mut refusal);
        encode(&refusal, &key).unwrap()
    };
    let mut dead = lease();
    dead.exp = dead.iat;
    let mut late = lease();
    (late.iat, late.nbf, late.exp) = (keyset().exp, keyset().exp, at(31 * 86_400));
    vec![
        case(
            "another authority",
            LEASE,
            changed(|claims| claims["iss"] = json!("https://other.example.com")),
            now(1),
            "issuer",
        ),
        knowing("wrong audience", json!({"aud": "caio"}), now(1), "audience"),
        knowing("another license", json!({"sub": "lic_01jd6w9q2hf4rb8s0zv3k5m7nb"}), now(1), "license"),
        knowing("another activation", json!({"act": "act_01jd6w9q2hf4rb8s0zv3k5m7nb"}), now(1), "activation"),
        knowing("another fingerprint", json!({"fpr": other}), now(1), "fingerprint"),
        knowing("another request's req", json!({"req": other}), answer(), "request"),
        knowing("an answer to no request", json!({"req": null}), answer(), "request"),
        case(
            "a refusal of another request",
            REFUSAL,
            pushed(|r| r.req = Some(Digest::of("another"))),
            answer(),
            "request",
        ),
        case("a pushed refusal as an answer", REFUSAL, pushed(|r| r.req = None), answer(), "request"),
        case(
            "a refusal of another activation",
            REFUSAL,
            pushed(|r| r.act = Some(other_activation())),
            answer(),
            "activation",
        ),
        case("before nbf", LEASE, good(), now(-61), "not_yet_valid"),
        case("at exp", LEASE, good(), now(900), "expired"),
        case("expired by one second", LEASE, good(), now(901), "expired"),
        case("a second past run_until", LEASE, good(), running(end + 1), "expired"),
        case("running before nbf", LEASE, good(), running(-61), "not_yet_valid"),
        case(
            "a refusal before its time",
            REFUSAL,
            encode(&refusal(), &key).unwrap(),
            now(-61),
            "not_yet_valid",
        ),
        case("a refusal after 60 seconds", REFUSAL, encode(&refusal(), &key).unwrap(), now(60), "expired"),
        case(
            "a validation after 60 seconds",
            VALIDATION,
            encode(&validation(), &key).unwrap(),
            now(60),
            "expired",
        ),
        case("running on a refusal", REFUSAL, encode(&refusal(), &key).unwrap(), running(60), "expired"),
        case("an answer that was never valid", LEASE, encode(&dead, &key).unwrap(), answer(), "expired"),
        case("now, with an expired keyset", LEASE, good(), now(30 * 86_400 - 3600), "keyset_expired"),
        case(
            "an answer signed after the keyset's end",
            LEASE,
            encode(&late, &key).unwrap(),
            answer(),
            "keyset_expired",
        ),
    ]
}

fn other_activation() -> kaching_base::ActivationId {
    "act_01jd6w9q2hf4rb8s0zv3k5m7nb".parse().unwrap()
}
