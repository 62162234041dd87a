//! Claims that are no JSON, or JSON that implementations read differently.

use kaching_license::StatementType;
use serde_json::Value;

use super::{Case, LEASE, case, now};
use crate::{
    keys::{self, ed25519},
    world::{lease, payload},
};

pub(super) fn cases() -> Vec<Case> {
    let c = |name, text: String, outcome| {
        let rule = if outcome == "claims" { Some("V9") } else { None };
        Case { rule, ..case(name, LEASE, text, now(1), outcome) }
    };
    let signed = |text: &str| payload(StatementType::Lease, text, &ed25519(keys::LEASE));
    let bytes = |bytes: &[u8]| payload(StatementType::Lease, bytes, &ed25519(keys::LEASE));
    let text = serde_json::to_string(&lease()).unwrap();
    let with = |member: &str| text.replacen('{', &format!("{{{member},"), 1);
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let values: Vec<Value> =
        serde_json::from_str::<Value>(&text).unwrap().as_object().unwrap().values().cloned().collect();
    vec![
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
        c("claims that are an array of all values", signed(&Value::Array(values).to_string()), "claims"),
        c("claims in UTF-16", bytes(&utf16), "claims"),
        c(
            "bytes that are no UTF-8",
            bytes(
                &with("\"x\":\"\u{1}\"")
                    .into_bytes()
                    .iter()
                    .map(|b| if *b == 1 { 0xff } else { *b })
                    .collect::<Vec<_>>(),
            ),
            "claims",
        ),
        c("half of a surrogate pair", signed(&with(r#""x":"\ud800""#)), "claims"),
        c("a number that is none", signed(&with("\"x\":NaN")), "claims"),
        c("a comma after the last claim", signed(&format!("{},}}", &text[..text.len() - 1])), "claims"),
        c("a comment", signed(&format!("{text}/**/")), "claims"),
        c("a control character in a text", signed(&with("\"x\":\"\u{1}\"")), "claims"),
        c(
            "names that only escapes make equal",
            signed(&with(r#""\u0065xp":9999999999"#)),
            "duplicate_member",
        ),
    ]
}
