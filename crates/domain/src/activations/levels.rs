use std::collections::BTreeMap;

use kaching_base::{Code, Limit, Limits};

use crate::License;

/// Returns the reported levels that the license limits, and a warning for each other name.
pub fn known_levels(limits: &Limits, reported: &BTreeMap<String, u64>) -> (BTreeMap<Code, u64>, Vec<String>) {
    let mut warnings = Vec::new();
    let mut known = BTreeMap::new();
    for (name, level) in reported {
        match limits.get_key_value(name.as_str()) {
            Some((code, Limit::Level { .. })) => {
                known.insert(code.clone(), *level);
            }
            _ => {
                let name: String = name.chars().take(63).collect();
                warnings.push(format!("the license has no level named '{name}': it was ignored"));
            }
        }
    }
    (known, warnings)
}

/// Merges the reported levels into the stored ones; levels that the license no longer limits are removed.
pub(crate) fn merge(
    license: &License,
    levels: &BTreeMap<Code, u64>,
    reported: &BTreeMap<Code, u64>,
) -> BTreeMap<Code, u64> {
    let mut merged = levels.clone();
    merged.retain(|name, _| matches!(license.limit(name.as_str()), Some(Limit::Level { .. })));
    merged.extend(reported.iter().map(|(name, level)| (name.clone(), *level)));
    merged
}
