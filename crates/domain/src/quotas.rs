//! Quotas: limits with their present use.

use std::collections::BTreeMap;

use kaching_base::{Code, Limit, Period, QuotaState, Timestamp};

use crate::Terms;

/// A limit with its present use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    pub name: Code,
    /// `slots`, `level` or `counter`.
    pub kind: &'static str,
    pub used: u64,
    /// `None` is unlimited.
    pub max: Option<u64>,
    /// The period of a counter.
    pub per: Option<Period>,
    /// The next start of a counter's period.
    pub resets_at: Option<Timestamp>,
    pub state: QuotaState,
}

/// The quotas of terms in use by this many installations with these levels. Counters have none: what they count
/// is not kept by the license.
pub fn quotas(terms: &Terms, active: u64, levels: &BTreeMap<Code, u64>) -> Vec<Quota> {
    let slots = (!terms.limits.contains_key("activations"))
        .then(|| (Code::activations(), Limit::Slots { max: terms.slots() }));
    let named = terms.limits.iter().map(|(name, limit)| (name.clone(), *limit));
    slots
        .into_iter()
        .chain(named)
        .filter_map(|(name, limit)| {
            let used = match limit {
                Limit::Slots { .. } => active,
                Limit::Level { .. } => levels.get(&name).copied().unwrap_or(0),
                Limit::Counter { .. } => return None,
            };
            let (kind, max) = (limit.kind(), limit.max());
            Some(Quota {
                name,
                kind,
                used,
                max,
                per: None,
                resets_at: None,
                state: QuotaState::of(used, max),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_one_slot_that_nobody_wrote() {
        let quotas = quotas(&Terms::default(), 1, &BTreeMap::new());
        assert_eq!((quotas[0].name.as_str(), quotas[0].used, quotas[0].max), ("activations", 1, Some(1)));
    }
}
