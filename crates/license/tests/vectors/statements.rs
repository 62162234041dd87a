use kaching_base::Timestamp;
use kaching_license::{
    Expected, Jwks, Keyset, Moment, RootKey, SignError, TrustedKeyset, Unverified, encode,
};
use serde_json::{Value, json};

use crate::{
    file,
    keys::{self, ed25519},
    world::{
        NOW, activation, at, changed, code, expected, keyset, keyset_text, lease, license, needs, trusted,
    },
};

mod circumstances;
mod claims;
mod form;
mod header;
mod json;
mod near;
mod optional;
mod strict;
mod valid;
mod written;

/// One statement, what is asked of it, and what must come out; `rule` is the number in docs/protocol.md of the one that it
/// breaks, where the outcome alone does not tell.
struct Case {
    name: &'static str,
    typ: &'static str,
    text: String,
    moment: Value,
    /// What the verifier knows, where it differs from the usual.
    expected: Value,
    outcome: &'static str,
    rule: Option<&'static str>,
}

const LEASE: &str = "lease+jwt";
const REFUSAL: &str = "refusal+jwt";
const VALIDATION: &str = "validation+jwt";

fn now(offset: i64) -> Value {
    json!({"now": NOW + offset})
}

fn running(offset: i64) -> Value {
    json!({"running": NOW + offset})
}

fn case(name: &'static str, typ: &'static str, text: String, moment: Value, outcome: &'static str) -> Case {
    Case { name, typ, text, moment, expected: json!({}), outcome, rule: None }
}

/// Returns the number in docs/protocol.md of the rule that a case breaks.
fn rule(case: &Case) -> Option<&'static str> {
    let by_outcome = match case.outcome {
        "too_long" => "V1",
        "not_compact" => "V2",
        "header" => "V3",
        "type" => "V4",
        "unknown_key" => "V5",
        "algorithm" => "V6",
        "purpose" => "V7",
        "signature" => "V8",
        "duplicate_member" => "V9",
        "claims" => "V10",
        "issuer" => "V11",
        "key_time" => "V12",
        "audience" | "license" | "activation" | "fingerprint" => "V13",
        "keyset_expired" => "V14",
        "request" => "V15",
        "expired" | "not_yet_valid" if case.moment == "answer" => "V16",
        "expired" | "not_yet_valid" => "V17",
        _ => return None,
    };
    Some(case.rule.unwrap_or(by_outcome))
}

fn knowing(name: &'static str, expected: Value, moment: Value, outcome: &'static str) -> Case {
    Case { expected, ..case(name, LEASE, good(), moment, outcome) }
}

fn good() -> String {
    encode(&lease(), &ed25519(keys::LEASE)).unwrap()
}

/// A lease of exactly this many bytes, padded by a claim that nobody knows.
fn of_length(length: usize) -> String {
    let padded = |n: usize| changed(|claims| claims["padding"] = json!("x".repeat(n)));
    // Base64 takes four bytes for three, so one of some neighbours has the length.
    let start = (length - padded(0).len()) * 3 / 4 - 4;
    (start..start + 8)
        .map(padded)
        .find(|text| text.len() == length)
        .expect("base64 grows in steps of one and two")
}

fn cases() -> Vec<Case> {
    [
        valid::cases(),
        header::cases(),
        written::cases(),
        form::cases(),
        strict::cases(),
        json::cases(),
        claims::cases(),
        optional::cases(),
        circumstances::cases(),
        near::cases(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The file of vectors, as these tests state it.
fn vectors() -> Value {
    let cases: Vec<Value> = cases()
        .into_iter()
        .map(|case| {
            let mut expected = usual();
            for (member, value) in case.expected.as_object().unwrap() {
                expected[member] = value.clone();
            }
            let mut value = json!({"name": case.name, "typ": case.typ, "moment": case.moment,
                "expected": expected, "outcome": case.outcome});
            let more =
                [("rule", rule(&case)), ("needs", needs(&case.text)), ("text", Some(case.text.as_str()))];
            for (member, text) in more {
                if let Some(text) = text {
                    value[member] = json!(text);
                }
            }
            value
        })
        .collect();
    json!({
        "format": [
            "Every case: verify `text` as a statement of type `typ`, with `keyset` as verified against `root`; `expected` holds what the verifier knows (null: not compared).",
            "`moment`: {now: NumericDate} between nbf and exp; {running: NumericDate} until run_until, for a lease verified before; answer: as of its own iat, and req must be the expected one; inspect: without times.",
            "`outcome` is valid, or the first reason for which it is refused; `rule` is the number of that rule in docs/protocol.md. `needs` is RS256 where a verifier of EdDSA alone has another outcome.",
            "Private keys: Ed25519 seeds are one byte 32 times (root 1, lease 3, file 4, audit 5, retired 6, stranger 7); RSA in rsa-3072.json. They protect nothing."
        ],
        "root": keys::root(keys::ROOT).to_string(),
        "keyset": keyset_text(),
        "jwks": Jwks { keys: keyset().keys },
        "cases": cases,
    })
}

fn usual() -> Value {
    let expected = expected();
    json!({"aud": expected.aud, "sub": license(), "act": activation(), "fpr": expected.fpr, "req": expected.req})
}

/// Verifies one case of the file, as any implementation would.
fn check(keyset: &TrustedKeyset, case: &Value) {
    let field = |name: &str| case[name].as_str().unwrap();
    let known = |name: &str| case["expected"][name].as_str();
    let expected = Expected {
        aud: known("aud"),
        sub: known("sub").map(|text| text.parse().unwrap()),
        act: known("act").map(|text| text.parse().unwrap()),
        fpr: known("fpr").map(|text| text.parse().unwrap()),
        req: known("req").map(|text| text.parse().unwrap()),
    };
    let seconds = |name: &str| case["moment"][name].as_i64().map(Timestamp::from_seconds);
    let moment = match case["moment"].as_str() {
        Some("answer") => Moment::Answer,
        Some("inspect") => Moment::Inspect,
        _ => seconds("now").map(Moment::Now).or(seconds("running").map(Moment::Running)).unwrap(),
    };
    let text = field("text");
    let verified = match field("typ") {
        LEASE => keyset.verify_lease(text, &expected, moment).map(|claims| json!(claims)),
        REFUSAL => keyset.verify_refusal(text, &expected, moment).map(|claims| json!(claims)),
        VALIDATION => keyset.verify_validation(text, &expected, moment).map(|claims| json!(claims)),
        other => panic!("no such typ: {other}"),
    };
    let outcome = verified.as_ref().map_or_else(|reason| reason.name(), |_| "valid");
    assert_eq!(outcome, field("outcome"), "{}: {verified:?}", case["name"]);
    if let Ok(claims) = verified {
        assert_said(&claims, &Unverified::read(text).unwrap().claims, field("name"));
    }
}

/// A statement contains each understood claim as it was understood.
fn assert_said(understood: &Value, said: &Value, name: &str) {
    match understood {
        Value::Object(members) => {
            for (member, value) in members {
                assert_said(value, &said[member], name);
            }
        }
        Value::Array(items) if items.iter().all(Value::is_string) => {
            let sorted = |list: &Value| {
                let mut list: Vec<_> = list.as_array().unwrap().iter().map(Value::to_string).collect();
                list.sort();
                list
            };
            assert_eq!(sorted(understood), sorted(said), "{name}");
        }
        other => assert_eq!(other, said, "{name}"),
    }
}

#[test]
fn every_statement_has_its_outcome() {
    file::agree("statements.json", &vectors());
    let vectors = file::read("statements.json");
    let root: RootKey = vectors["root"].as_str().unwrap().parse().unwrap();
    let keyset = vectors["keyset"].as_str().unwrap();
    let keyset = TrustedKeyset::verify(keyset, &[root], None, Moment::Now(at(0))).unwrap();
    for case in vectors["cases"].as_array().unwrap() {
        check(&keyset, case);
    }
}

#[test]
fn a_name_names_one_case() {
    let mut names: Vec<_> = cases().iter().map(|case| case.name).collect();
    names.sort_unstable();
    names.windows(2).for_each(|pair| assert_ne!(pair[0], pair[1]));
}

#[test]
fn fractions_of_a_second_are_rounded_down() {
    let mut exact = lease();
    exact.iat = Timestamp::from_micros(at(0).micros() + 999_999);
    let text = encode(&exact, &ed25519(keys::LEASE)).unwrap();
    assert_eq!(trusted().verify_lease(&text, &expected(), Moment::Answer).unwrap().iat, at(0));
}

#[test]
fn what_no_verifier_would_accept_is_not_signed() {
    let mut long = lease();
    long.features = (0..2000).map(|i| code(&format!("feature-{i}"))).collect();
    assert_eq!(encode(&long, &ed25519(keys::LEASE)), Err(SignError::TooLong));
}

#[test]
fn the_authority_trusts_its_own_keyset() {
    let own = TrustedKeyset::own(Keyset { keys: keyset().keys, ..keyset() }).unwrap();
    assert_eq!(own.keyset(), &keyset());
    assert!(own.verify_lease(&good(), &Expected::default(), Moment::Now(at(1))).is_ok());
}
