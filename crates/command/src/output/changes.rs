//! The changes of terms, for people.

use std::collections::{BTreeMap, BTreeSet};

use kaching_api::TermsChange;
use kaching_base::{Code, Limit, printable};

/// Returns a line for each kind of change, or an empty text without changes.
pub fn changes(change: Option<&TermsChange>) -> String {
    let Some(change) = change else { return String::new() };
    let codes = |codes: &BTreeSet<Code>| codes.iter().map(ToString::to_string).collect();
    let limits = |limits: &BTreeMap<Code, Limit>| {
        limits.iter().map(|(name, limit)| format!("{name} {limit}")).collect::<Vec<_>>()
    };
    let changed = change.limits.changed.iter();
    let changed = changed.map(|(name, limit)| format!("{name} {}, before {}", limit.to, limit.from));
    let lines: [(&str, Vec<String>); 6] = [
        ("Features added", codes(&change.features.added)),
        ("Features removed", codes(&change.features.removed)),
        ("Limits added", limits(&change.limits.added)),
        ("Limits removed", limits(&change.limits.removed)),
        ("Limits changed", changed.collect()),
        ("Lease policy changed", change.lease_policy.iter().map(|name| printable(name)).collect()),
    ];
    let lines = lines.iter().filter(|(_, what)| !what.is_empty());
    lines.map(|(kind, what)| format!("  {kind}: {}\n", what.join("; "))).collect()
}
