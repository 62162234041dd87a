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
    let signed = |text: &str| payload(StatementType::Lease, text, &ed25519(keys::LEASE));
    let text = serde_json::to_string(&lease()).unwrap();
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
        c(
            "a claim twice",
            signed(&text.replacen('{', r#"{"iss":"https://other.example.com","#, 1)),
            "duplicate_member",
        ),
        c("an unknown claim twice", signed(&text.replacen('{', r#"{"x":1,"x":1,"#, 1)), "duplicate_member"),
        c(
            "a claim twice, once escaped",
            signed(&text.replacen('{', r#"{"\u0061ud":"caio","#, 1)),
            "duplicate_member",
        ),
        c(
            "a limit twice",
            signed(&text.replacen(r#""nodes""#, r#""nodes":{"kind":"level","max":1},"nodes""#, 1)),
            "duplicate_member",
        ),
        c(
            "a member of grace twice",
            signed(&text.replacen(r#""mode""#, r#""mode":"block","mode""#, 1)),
            "duplicate_member",
        ),
        c("claims that are an array", signed("[]"), "claims"),
        c("claims that are cut off", signed(&text[..text.len() - 1]), "claims"),
        c("something after the claims", signed(&format!("{text} {{}}")), "claims"),
        c("a byte order mark", signed(&format!("\u{feff}{text}")), "claims"),
        c("deep nesting", signed(&format!("{}{}", r#"{"a":"#.repeat(1000), "1")), "claims"),
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
