use kaching_base::Timestamp;
use serde_json::Value;

use super::Inspection;
use crate::{
    output::{Card, Output},
    words::day,
};

/// The claims that are times: NumericDates.
const TIMES: [&str; 6] = ["iat", "nbf", "exp", "run_until", "lic_exp", "at"];

/// The members of a license that are shown with its key.
const LOOKED_UP: [&str; 6] = ["id", "product", "plan", "state", "starts_at", "expires_at"];

/// Returns the text for people.
pub(super) fn text(finding: &Inspection, output: &Output) -> String {
    if finding.says.is_null() {
        return String::new();
    }
    let title = match finding.what.as_str() {
        "license_key" => "License key",
        "root_key" => "Root public key",
        "lease+jwt" => "Lease: an activation may run",
        "refusal+jwt" => "Refusal: it may not",
        "validation+jwt" => "Validation: whether a key is good",
        "keyset+jwt" => "Keyset: the authority's public keys",
        other => other,
    };
    let mut card = Card::new(title);
    for (name, value) in finding.header.as_object().into_iter().flatten() {
        card = card.line(name, plain(value));
    }
    let license = finding.says.get("license").and_then(Value::as_object);
    let says = finding
        .says
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(_, value)| license.is_none() || !value.is_object());
    // Of a license that was looked up, only the main members; `license show` has all.
    let looked_up = license.into_iter().flatten().filter(|(name, _)| LOOKED_UP.contains(&name.as_str()));
    for (name, value) in says.chain(looked_up) {
        card = match (name.as_str(), value.as_i64()) {
            (time, Some(seconds)) if TIMES.contains(&time) => {
                let at = Timestamp::from_seconds(seconds);
                card.line(name, format!("{at}, {}", day(at, output.now)))
            }
            _ => card.line(name, plain(value)),
        };
    }
    // The reason follows as the error.
    let verdict =
        if finding.verified == Some(true) { output.style.good(&finding.verdict) } else { String::new() };
    format!("{}\n{verdict}", card.text(output.style))
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}
