use kaching_license::StatementType;
use serde_json::{Value, json};

use super::{Case, LEASE, case, now};
use crate::{
    keys::{self, ed25519},
    world::{NOW, activation, changed, lease, payload, request},
};

pub(super) fn cases() -> Vec<Case> {
    let c = |name, text: String, outcome| case(name, LEASE, text, now(1), outcome);
    let set = |name: &'static str, member: &'static str, value: Value| {
        c(name, changed(|claims| claims[member] = value), "claims")
    };
    let text = serde_json::to_string(&lease()).unwrap();
    let number = |name, written: &str| {
        let exp = format!("\"exp\":{}", NOW + 900);
        assert!(text.contains(&exp));
        let text = text.replacen(&exp, &format!("\"exp\":{written}"), 1);
        c(name, payload(StatementType::Lease, text, &ed25519(keys::LEASE)), "claims")
    };
    let mut cases = vec![
        set("exp is text", "exp", json!((NOW + 900).to_string())),
        set("exp has a fraction", "exp", json!(NOW as f64 + 900.5)),
        set("exp is null", "exp", json!(null)),
        set("exp is before 1970", "exp", json!(-1)),
        set("exp is after the year 9999", "exp", json!(253_402_300_800_i64)),
        set("aud is an array", "aud", json!(["chorus"])),
        set("sub is another kind of id", "sub", json!(activation())),
        set("fpr is not 32 bytes", "fpr", json!("AAAA")),
        set("req has padding", "req", json!(format!("{}=", request()))),
        set("a negative revision", "rev", json!(-1)),
        set("features is text", "features", json!("federation")),
        set("features holds a number", "features", json!([1])),
        set("limits is an array", "limits", json!([])),
        set("a limit of another kind", "limits", json!({"nodes": {"kind": "soft", "max": 1}})),
        set("a limit is a number", "limits", json!({"nodes": 25})),
        set("grace is null", "grace", json!(null)),
        set(
            "a mode that is none",
            "grace",
            json!({"offline_s": 0, "expiry_s": 0, "mode": "ignore", "keep": []}),
        ),
        set("an incomplete grace", "grace", json!({"offline_s": 0, "expiry_s": 0, "mode": "block"})),
        set("lic_exp is text", "lic_exp", json!("never")),
        set("log is null", "log", json!(null)),
        set("exp is true", "exp", json!(true)),
        set("hb is false", "hb", json!(false)),
        set("iat is text", "iat", json!(NOW.to_string())),
        set("nbf is null", "nbf", json!(null)),
        set("run_until is null", "run_until", json!(null)),
        set("run_until is text", "run_until", json!("never")),
        set("a revision beyond 64 bits", "rev", json!(1.8446744073709552e19)),
        set("rev is text", "rev", json!("3")),
        set("ks is null", "ks", json!(null)),
        set("epoch is text", "epoch", json!("1")),
        set("iss is an array", "iss", json!(["https://licenses.example.com"])),
        set("aud is a number", "aud", json!(1)),
        set("sub is null", "sub", json!(null)),
        set("act is in capitals", "act", json!(activation().to_string().to_uppercase())),
        set("act goes on after a null byte", "act", json!(format!("{}\0", activation()))),
        set("jti is a number", "jti", json!(1)),
        set("plan is null", "plan", json!(null)),
        set("a type that is none", "type", json!("gift")),
        set("features is an object", "features", json!({"federation": true})),
        set("features is null", "features", json!(null)),
        set("cat is not 32 bytes", "cat", json!("AAAA")),
        set("a maximum that is text", "limits", json!({"nodes": {"kind": "level", "max": "25"}})),
        set("a maximum with a fraction", "limits", json!({"nodes": {"kind": "level", "max": 2.5}})),
        set("a negative maximum", "limits", json!({"nodes": {"kind": "level", "max": -1}})),
        set("a counter without a period", "limits", json!({"jobs": {"kind": "counter", "max": 1}})),
        set("a limit that is an array", "limits", json!({"nodes": ["level", 25]})),
        set("grace is an array", "grace", json!([0, 0, "block", []])),
        set(
            "a grace that is text",
            "grace",
            json!({"offline_s": "0", "expiry_s": 0, "mode": "block", "keep": []}),
        ),
        set(
            "keep is text",
            "grace",
            json!({"offline_s": 0, "expiry_s": 0, "mode": "degrade", "keep": "federation"}),
        ),
        set("a log without root", "log", json!({"origin": "x", "size": 1})),
        set("lic_exp is false", "lic_exp", json!(false)),
        number("exp in exponent form", &format!("{}e0", NOW + 900)),
        number("exp with a fraction of zero", &format!("{}.0", NOW + 900)),
        number("exp in quotes", &format!("\"{}\"", NOW + 900)),
    ];
    // Each of a lease's claims is required, but the checkpoint.
    cases.extend(MISSING.iter().map(|(name, claim)| {
        c(
            name,
            changed(|claims| assert!(claims.as_object_mut().unwrap().shift_remove(*claim).is_some())),
            "claims",
        )
    }));
    cases
}

const MISSING: &[(&str, &str)] = &[
    ("without iss", "iss"),
    ("without aud", "aud"),
    ("without iat", "iat"),
    ("without exp", "exp"),
    ("without ks", "ks"),
    ("without nbf", "nbf"),
    ("without jti", "jti"),
    ("without sub", "sub"),
    ("without act", "act"),
    ("without fpr", "fpr"),
    ("without hb", "hb"),
    ("without req", "req"),
    ("without run_until", "run_until"),
    ("without epoch", "epoch"),
    ("without rev", "rev"),
    ("without plan", "plan"),
    ("without type", "type"),
    ("without features", "features"),
    ("without limits", "limits"),
    ("without lic_exp", "lic_exp"),
    ("without grace", "grace"),
    ("without cat", "cat"),
];
