//! Terms for people.

use std::collections::BTreeMap;

use kaching_base::{Code, LeasePolicy, LicenseType, Limit, Price, Seconds};

use super::Card;
use crate::words::{plural, span};

/// Returns `activations 1, jobs 10000/month, nodes 25`. Without a limit of slots there is one.
pub fn limits(limits: &BTreeMap<Code, Limit>) -> String {
    let mut limits = limits.clone();
    limits.entry(Code::activations()).or_insert(Limit::Slots { max: Some(1) });
    limits.iter().map(|(name, limit)| format!("{name} {limit}")).collect::<Vec<_>>().join(", ")
}

/// Returns `EUR 4900.00 a year`. Currencies of ISO 4217 without cents are written without.
pub fn price(price: &Price) -> String {
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

/// Adds the lines of a lease policy. An unset expiry grace is shown as its default: 14 days, or none for trials.
pub fn policy(card: Card, policy: &LeasePolicy, kind: LicenseType) -> Card {
    let default = if kind == LicenseType::Trial { 0 } else { 14 };
    let expiry = policy.expiry_days.unwrap_or(default);
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

/// Returns `key=value, key=value`.
pub fn pairs(map: &BTreeMap<String, String>) -> String {
    map.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
}

/// Returns the word of an enum of the API.
pub fn word<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_value(value).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
