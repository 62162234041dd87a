//! Terms in the words of people.

use std::collections::BTreeMap;

use kaching_base::{Code, LeasePolicy, LicenseType, Limit, Price, Seconds};

use super::{Card, plural, span};

/// `activations 1, jobs 10000/month, nodes 25`; one slot is what there is where none is said.
pub(crate) fn limits(limits: &BTreeMap<Code, Limit>) -> String {
    let mut limits = limits.clone();
    limits.entry(Code::activations()).or_insert(Limit::Slots { max: Some(1) });
    limits.iter().map(|(name, limit)| format!("{name} {limit}")).collect::<Vec<_>>().join(", ")
}

/// `EUR 4900.00 a year`; the currencies of ISO 4217 without cents are written without.
pub(crate) fn price(price: &Price) -> String {
    let whole = matches!(
        price.currency.as_str(),
        "JPY" | "KRW" | "ISK" | "CLP" | "VND" | "XAF" | "XOF" | "PYG" | "UGX" | "RWF"
    );
    let amount = if whole {
        price.amount.to_string()
    } else {
        format!("{}.{:02}", price.amount / 100, price.amount % 100)
    };
    match price.interval.as_str() {
        "once" => format!("{} {amount} once", price.currency),
        interval => format!("{} {amount} a {interval}", price.currency),
    }
}

/// The lines of a lease policy; what stands for 14 days, or none for trials, is said.
pub(crate) fn policy(card: Card, policy: &LeasePolicy, kind: LicenseType) -> Card {
    let unsaid = if kind == LicenseType::Trial { 0 } else { 14 };
    let expiry = policy.expiry_days.unwrap_or(unsaid);
    let keep = policy.keep.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let kept = if keep.is_empty() { String::new() } else { format!(", keeps {keep}") };
    card.line(
        "Lease",
        format!("{}, then {} offline", span(Seconds(policy.lease_s)), span(Seconds(policy.offline_s))),
    )
    .line(
        "After the end",
        if expiry == 0 { "no grace".to_owned() } else { format!("{} of grace", plural(expiry, "day")) },
    )
    .line("On refusal", format!("{}{kept}", policy.mode))
    .line(
        "Moves",
        format!("{} in 30 days, {} of grace each", policy.moves, span(Seconds(policy.move_grace_s))),
    )
    .line("Suspected copies", policy.copies.as_str())
    .line(
        "Kinds",
        if policy.kinds.is_empty() {
            "any".to_owned()
        } else {
            policy.kinds.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        },
    )
}

/// `key=value, key=value`
pub(crate) fn pairs(map: &BTreeMap<String, String>) -> String {
    map.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
}

/// The word of a closed set of the API.
pub(crate) fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}

/// A sentence with a capital letter and a full stop, whoever wrote it.
pub(crate) fn spoken(text: &str) -> String {
    let text = text.trim();
    // A path or a setting keeps its letters.
    let is_word = text.split(' ').next().is_some_and(|word| word.bytes().all(|b| b.is_ascii_alphabetic()));
    let mut letters = text.chars();
    let text = match letters.next() {
        Some(first) if is_word => format!("{}{}", first.to_ascii_uppercase(), letters.as_str()),
        _ => text.to_owned(),
    };
    if text.ends_with(['.', '!', '?']) { text } else { format!("{text}.") }
}
