use hmac::{Hmac, KeyInit as _, Mac as _};
use kaching_base::Timestamp;
use kaching_license::{Moment, RootKey, Sign, StatementType, TrustedKeyset, encode};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::{
    file,
    keys::{self, Impostor, ed25519},
    world::{NOW, keyset, keyset_text, payload, raw},
};

const DAY: i64 = 86_400;

struct Case {
    name: &'static str,
    text: String,
    moment: Value,
    held: Option<u64>,
    outcome: &'static str,
}

fn case(name: &'static str, text: String, outcome: &'static str) -> Case {
    Case { name, text, moment: json!({"now": NOW}), held: Some(6), outcome }
}

/// The usual keyset with a change, signed by its root.
fn changed(change: impl FnOnce(&mut Value)) -> String {
    let mut claims = serde_json::to_value(keyset()).unwrap();
    change(&mut claims);
    payload(StatementType::Keyset, claims.to_string(), &ed25519(keys::ROOT))
}

fn key(name: &'static str, outcome: &'static str, change: impl FnOnce(&mut Value)) -> Case {
    case(name, changed(|claims| change(&mut claims["keys"][0])), outcome)
}

fn whole() -> Vec<Case> {
    let root = ed25519(keys::ROOT);
    let claims = serde_json::to_string(&keyset()).unwrap();
    let head = |header: &Value| raw(header.to_string(), &claims, |message| root.sign(message).unwrap());
    let other = ed25519(keys::OTHER_ROOT);
    let good = |name, held, moment, outcome| Case { held, moment, ..case(name, keyset_text(), outcome) };
    vec![
        good("the first keyset", None, json!({"now": NOW}), "valid"),
        good("a newer keyset", Some(6), json!({"now": NOW}), "valid"),
        good("the same keyset", Some(7), json!({"now": NOW}), "valid"),
        good("an older keyset than the one held", Some(8), json!({"now": NOW}), "keyset_outdated"),
        good(
            "from the future, since the clock here is behind",
            None,
            json!({"now": NOW - 40 * DAY}),
            "valid",
        ),
        good("in its last second", None, json!({"now": NOW - 3601 + 30 * DAY}), "valid"),
        good("expired", None, json!({"now": NOW - 3600 + 30 * DAY}), "keyset_expired"),
        good("expired, for leases verified before", None, json!({"running": NOW + 40 * DAY}), "valid"),
        case("a root that is not pinned", encode(&keyset(), &other).unwrap(), "unknown_root"),
        case(
            "another root's signature under our root's name",
            encode(&keyset(), &Impostor(&other, root.kid().to_owned())).unwrap(),
            "signature",
        ),
        case(
            "signed by a key that it lists",
            encode(&keyset(), &ed25519(keys::LEASE)).unwrap(),
            "unknown_root",
        ),
        case("typ of a lease", head(&json!({"alg": "EdDSA", "typ": "lease+jwt", "kid": root.kid()})), "type"),
        case("alg none", head(&json!({"alg": "none", "typ": "keyset+jwt", "kid": root.kid()})), "algorithm"),
        case(
            "alg RS256",
            head(&json!({"alg": "RS256", "typ": "keyset+jwt", "kid": root.kid()})),
            "algorithm",
        ),
        case(
            "extra crit",
            head(&json!({"alg": "EdDSA", "typ": "keyset+jwt", "kid": root.kid(), "crit": []})),
            "header",
        ),
        case("a version that is text", changed(|c| c["version"] = json!("7")), "claims"),
        case(
            "without an epoch",
            changed(|c| assert!(c.as_object_mut().unwrap().shift_remove("epoch").is_some())),
            "claims",
        ),
        case("keys that are an object", changed(|c| c["keys"] = json!({})), "claims"),
        case(
            "a version said twice",
            payload(StatementType::Keyset, claims.replacen('{', r#"{"version":9,"#, 1), &root),
            "duplicate_member",
        ),
        case("alg HS256, with the root's public key as secret", forged_by_hmac(), "algorithm"),
        case("typ JWT", head(&json!({"alg": "EdDSA", "typ": "JWT", "kid": root.kid()})), "type"),
        case("no signature", keyset_text().rsplit_once('.').unwrap().0.to_owned() + ".", "signature"),
        case("an end that is text", changed(|c| c["exp"] = json!("never")), "claims"),
        case("an end that is null", changed(|c| c["exp"] = Value::Null), "claims"),
        case("a version with a fraction", changed(|c| c["version"] = json!(7.5)), "claims"),
        case(
            "an issuer that is an array",
            changed(|c| c["iss"] = json!(["https://licenses.example.com"])),
            "claims",
        ),
        case("claims that are an array", array(), "claims"),
        case("no keys at all", changed(|c| c["keys"] = json!([])), "valid"),
    ]
}

/// The claims of the usual keyset without their names.
fn array() -> String {
    let claims = serde_json::to_value(keyset()).unwrap();
    let values: Vec<_> = claims.as_object().unwrap().values().cloned().collect();
    payload(StatementType::Keyset, json!(values).to_string(), &ed25519(keys::ROOT))
}

fn forged_by_hmac() -> String {
    let root = ed25519(keys::ROOT);
    let header = json!({"alg": "HS256", "typ": "keyset+jwt", "kid": root.kid()}).to_string();
    raw(header, serde_json::to_string(&keyset()).unwrap(), |message| {
        let mut mac = Hmac::<Sha256>::new_from_slice(keys::root(keys::ROOT).as_bytes()).unwrap();
        mac.update(message);
        mac.finalize().into_bytes().to_vec()
    })
}

fn listed() -> Vec<Case> {
    // A point of order eight, and y = p + 1, another spelling of the neutral element.
    let eight = "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU";
    let neutral = "7v_______________________________________38";
    let weak = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let weak_kid = kaching_license::PublicKey::Ed25519({
        let mut identity = [0; 32];
        identity[0] = 1;
        identity
    });
    let rsa = |change: fn(&mut Value)| changed(|claims| change(&mut claims["keys"][1]));
    vec![
        key("a key of a later algorithm is passed over", "valid", |key| key["alg"] = json!("ML-DSA-44")),
        key("a key of a later purpose is passed over", "valid", |key| key["purpose"] = json!("notes")),
        key("a kid that is not the thumbprint", "claims", |key| key["kid"] = json!("AAAAAAAAAAAAAAAA")),
        key("a key for encryption", "claims", |key| key["use"] = json!("enc")),
        key("a key without alg", "claims", |key| {
            assert!(key.as_object_mut().unwrap().shift_remove("alg").is_some())
        }),
        key("a key without exp", "claims", |key| {
            assert!(key.as_object_mut().unwrap().shift_remove("exp").is_some())
        }),
        key("a key on another curve", "claims", |key| key["crv"] = json!("X25519")),
        key("a key cut short", "claims", |key| key["x"] = json!("AAAA")),
        key("a key without use", "claims", |key| {
            assert!(key.as_object_mut().unwrap().shift_remove("use").is_some())
        }),
        key("a key without purpose", "claims", |key| {
            assert!(key.as_object_mut().unwrap().shift_remove("purpose").is_some())
        }),
        key("a purpose that is a number", "claims", |key| key["purpose"] = json!(1)),
        key("nbf of a key is text", "claims", |key| key["nbf"] = json!("now")),
        key("a key of another type", "claims", |key| key["kty"] = json!("EC")),
        key("a key in base64 with padding", "claims", |key| {
            key["x"] = json!(format!("{}=", key["x"].as_str().unwrap()));
        }),
        key("a key of order eight", "keyset_key", |key| point(key, eight)),
        key("the neutral element in another spelling", "keyset_key", |key| point(key, neutral)),
        key("a key with which anybody can sign", "keyset_key", |key| {
            key["x"] = json!(weak);
            key["kid"] = json!(weak_kid.kid());
        }),
        case("an RSA key of another exponent", rsa(|key| key["e"] = json!("Aw")), "claims"),
        case(
            "an RSA key of 2048 bits",
            rsa(|key| key["n"] = json!(format!("{}w", "_".repeat(341)))),
            "claims",
        ),
        case(
            "a key listed twice",
            changed(|claims| claims["keys"][2] = claims["keys"][0].clone()),
            "keyset_key",
        ),
    ]
}

/// Makes it the key of these 32 bytes, by its right name.
fn point(key: &mut Value, x: &str) {
    let bytes: Vec<u8> = kaching_base::Base64Url::decode(x.as_bytes()).unwrap();
    key["kid"] = json!(kaching_license::PublicKey::Ed25519(bytes.try_into().unwrap()).kid());
    key["x"] = json!(x);
}

fn vectors() -> Value {
    let cases: Vec<_> = whole()
        .into_iter()
        .chain(listed())
        .map(|case| {
            let mut value =
                json!({"name": case.name, "moment": case.moment, "held": case.held, "outcome": case.outcome});
            let needs = case.name.contains("RSA").then_some("RS256");
            for (member, text) in
                [("rule", rule(&case)), ("needs", needs), ("text", Some(case.text.as_str()))]
            {
                if let Some(text) = text {
                    value[member] = json!(text);
                }
            }
            value
        })
        .collect();
    json!({
        "format": [
            "Every case: verify `text` as a keyset signed by one of `roots`; `held` is the version of the newest one verified before (null: none).",
            "`moment`: {now: NumericDate} must be before exp; {running: NumericDate} is not compared.",
            "`outcome` is valid, or the first reason for which it is refused; `rule` is the number of that rule in docs/protocol.md. `needs` is RS256 where a verifier of EdDSA alone has another outcome."
        ],
        "roots": [keys::root(keys::ROOT).to_string()],
        "cases": cases,
    })
}

/// Returns the number in docs/protocol.md of the rule that a case breaks.
fn rule(case: &Case) -> Option<&'static str> {
    match case.outcome {
        "too_long" | "not_compact" | "header" | "type" | "algorithm" | "unknown_root" | "signature" => {
            Some("K1")
        }
        "claims" if listed().iter().any(|key| key.name == case.name) => Some("K5"),
        "claims" | "duplicate_member" => Some("K2"),
        "keyset_outdated" => Some("K3"),
        "keyset_expired" => Some("K4"),
        "keyset_key" => Some("K6"),
        _ => None,
    }
}

fn check(roots: &[RootKey], case: &Value) {
    let moment = &case["moment"];
    let moment = moment["now"]
        .as_i64()
        .map(|now| Moment::Now(Timestamp::from_seconds(now)))
        .unwrap_or_else(|| Moment::Running(Timestamp::from_seconds(moment["running"].as_i64().unwrap())));
    let verified =
        TrustedKeyset::verify(case["text"].as_str().unwrap(), roots, case["held"].as_u64(), moment);
    let outcome = verified.map_or_else(|reason| reason.name(), |_| "valid");
    assert_eq!(outcome, case["outcome"], "{}", case["name"]);
}

#[test]
fn every_keyset_has_its_outcome() {
    file::agree("keysets.json", &vectors());
    let vectors = file::read("keysets.json");
    let roots = [vectors["roots"][0].as_str().unwrap().parse().unwrap()];
    for case in vectors["cases"].as_array().unwrap() {
        check(&roots, case);
    }
}

#[test]
fn any_pinned_root_will_do() {
    let roots = [keys::root(keys::OTHER_ROOT), keys::root(keys::ROOT)];
    assert!(TrustedKeyset::verify(&keyset_text(), &roots, None, Moment::Answer).is_ok());
    assert!(TrustedKeyset::verify(&keyset_text(), &[], None, Moment::Answer).is_err());
}

#[test]
fn a_root_key_is_one_line() {
    let root = keys::root(keys::ROOT);
    let text = root.to_string();
    assert_eq!(text.parse::<RootKey>().unwrap(), root);
    assert_eq!(format!("{text}\n").parse::<RootKey>().unwrap(), root);
    let weak = "kaching-root:AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for wrong in
        ["", "kaching-root:", &text[13..], &text[..55], &format!("{text}A"), &text.to_uppercase(), weak]
    {
        assert!(wrong.parse::<RootKey>().is_err(), "{wrong}");
    }
}
