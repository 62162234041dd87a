use kaching_base::{ActivationId, LicenseId, Timestamp};
use kaching_license::{Expected, Moment, Refusal, RefusalCode, RootKey, TrustedKeyset, encode};
use serde_json::{Value, json};

use crate::{
    file,
    keys::{self, ed25519},
    world::{NOW, at, code, keyset_text, lease, refusal, request},
};

/// The end of the usual keyset.
const END: i64 = NOW - 3600 + 30 * 86_400;

struct Case {
    name: &'static str,
    refusal: Refusal,
    now: i64,
    outcome: &'static str,
}

/// The usual refusal, pushed: of the lease's moment and revision, so that only a change makes it newer.
fn case(name: &'static str, outcome: &'static str, change: impl FnOnce(&mut Refusal)) -> Case {
    let mut refusal = Refusal { req: None, rev: Some(lease().rev), ..refusal() };
    change(&mut refusal);
    Case { name, refusal, now: NOW, outcome }
}

fn cases() -> Vec<Case> {
    let other: LicenseId = "lic_01jd6w9q2hf4rb8s0zv3k5m7nb".parse().unwrap();
    let installation: ActivationId = "act_01jd6w9q2hf4rb8s0zv3k5m7nb".parse().unwrap();
    let issued = |refusal: &mut Refusal, offset| (refusal.iat, refusal.exp) = (at(offset), at(offset + 60));
    vec![
        case("a higher revision", "valid", |r| r.rev = Some(4)),
        case("a higher revision, signed a little before the lease", "valid", |r| {
            issued(r, -5);
            r.rev = Some(4);
        }),
        case("a later moment", "valid", |r| issued(r, 1)),
        case("a later moment, without a revision", "valid", |r| {
            issued(r, 1);
            r.rev = None;
        }),
        case("for every activation of the license", "valid", |r| {
            r.rev = Some(4);
            r.act = None;
        }),
        case("a code of a later version", "valid", |r| {
            r.rev = Some(4);
            r.code = RefusalCode::Other("from_a_later_version".to_owned());
        }),
        case("of a restored authority", "valid", |r| {
            issued(r, 1);
            (r.epoch, r.rev) = (2, Some(1));
        }),
        case("the same revision and moment", "outdated", |_| ()),
        case("neither revision nor later moment", "outdated", |r| r.rev = None),
        case("a lower revision", "outdated", |r| {
            issued(r, -5);
            r.rev = Some(2);
        }),
        case("from before the authority was restored", "outdated", |r| {
            issued(r, 1);
            (r.epoch, r.rev) = (0, Some(9));
        }),
        case("an answer to somebody's request", "request", |r| {
            r.rev = Some(4);
            r.req = Some(request());
        }),
        case("of no license", "license", |r| {
            r.rev = Some(4);
            r.sub = None;
        }),
        case("of another license", "license", |r| {
            r.rev = Some(4);
            r.sub = Some(other);
        }),
        case("of another activation", "activation", |r| {
            r.rev = Some(4);
            r.act = Some(installation);
        }),
        case("of another product", "audience", |r| {
            r.rev = Some(4);
            r.aud = Some(code("caio"));
        }),
        case("of another authority", "issuer", |r| {
            r.rev = Some(4);
            r.iss = "https://other.example.com".to_owned();
        }),
        Case {
            now: END + 1,
            ..case("after the keyset's end", "keyset_expired", |r| issued(r, END - NOW - 10))
        },
        Case { now: NOW + 59, ..case("in its last second", "valid", |r| r.rev = Some(4)) },
        Case { now: NOW + 60, ..case("after 60 seconds", "expired", |r| r.rev = Some(4)) },
        Case { now: NOW - 61, ..case("before its time", "not_yet_valid", |r| r.rev = Some(4)) },
    ]
}

fn vectors() -> Value {
    let key = ed25519(keys::LEASE);
    let cases: Vec<_> = cases()
        .into_iter()
        .map(|case| {
            let text = encode(&case.refusal, &key).unwrap();
            let mut value = json!({"name": case.name, "now": case.now, "outcome": case.outcome});
            let rule = match case.outcome {
                "valid" => None,
                "outdated" => Some("E4"),
                _ => Some("E3"),
            };
            if let Some(rule) = rule {
                value["rule"] = json!(rule);
            }
            value["text"] = json!(text);
            value
        })
        .collect();
    json!({
        "format": [
            "Every case: `text` is a refusal that was pushed at `now` (NumericDate) to a client that holds `lease`; `keyset` is verified against `root`.",
            "`outcome` is valid: the client stops; or the first reason for which it takes no notice. `rule` is the number of that rule in docs/protocol.md."
        ],
        "root": keys::root(keys::ROOT).to_string(),
        "keyset": keyset_text(),
        "lease": encode(&lease(), &key).unwrap(),
        "cases": cases,
    })
}

#[test]
fn every_pushed_refusal_has_its_outcome() {
    file::agree("pushed.json", &vectors());
    let vectors = file::read("pushed.json");
    let text = |name: &str| vectors[name].as_str().unwrap();
    let root: RootKey = text("root").parse().unwrap();
    let keyset = TrustedKeyset::verify(text("keyset"), &[root], None, Moment::Now(at(0))).unwrap();
    let held = keyset.verify_lease(text("lease"), &Expected::default(), Moment::Now(at(0))).unwrap();
    for case in vectors["cases"].as_array().unwrap() {
        let now = Timestamp::from_seconds(case["now"].as_i64().unwrap());
        let verified = keyset.verify_pushed(case["text"].as_str().unwrap(), &held, now);
        let outcome = verified.as_ref().map_or_else(|reason| reason.name(), |_| "valid");
        assert_eq!(outcome, case["outcome"], "{}: {verified:?}", case["name"]);
        if let Ok(refusal) = verified {
            assert!(refusal.code.stops());
        }
    }
}
