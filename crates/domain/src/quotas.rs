//! Quotas: limits with their present use.

use std::collections::BTreeMap;

use kaching_base::{Code, Limit, Period, Timestamp};

use crate::Terms;

/// A limit with its present use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quota {
    pub name: Code,
    /// `slots`, `level` or `counter`.
    pub kind: &'static str,
    pub used: u64,
    /// Nothing is unlimited.
    pub max: Option<u64>,
    /// The period of a counter.
    pub per: Option<Period>,
    /// When a counter starts again.
    pub resets_at: Option<Timestamp>,
    pub state: QuotaState,
}

/// How near a quota is to its limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaState {
    Ok,
    /// From 80 %.
    Warn,
    Over,
}

impl QuotaState {
    /// The state of this use of this maximum.
    pub fn of(used: u64, max: Option<u64>) -> Self {
        match max.map(u128::from) {
            Some(max) if u128::from(used) > max => Self::Over,
            Some(max) if u128::from(used) * 10 >= max * 8 && max > 0 => Self::Warn,
            _ => Self::Ok,
        }
    }

    /// `ok`, `warn` or `over`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Over => "over",
        }
    }
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
    fn warns_from_four_fifths_and_tells_what_is_over() {
        let cases = [(0, "ok"), (19, "ok"), (20, "warn"), (25, "warn"), (26, "over"), (u64::MAX, "over")];
        for (used, state) in cases {
            assert_eq!(QuotaState::of(used, Some(25)).as_str(), state, "{used}");
        }
        assert_eq!(QuotaState::of(0, Some(0)), QuotaState::Ok);
        assert_eq!(QuotaState::of(1, Some(0)), QuotaState::Over);
        assert_eq!(QuotaState::of(u64::MAX, None), QuotaState::Ok);
    }

    #[test]
    fn names_the_one_slot_that_nobody_wrote() {
        let quotas = quotas(&Terms::default(), 1, &BTreeMap::new());
        assert_eq!((quotas[0].name.as_str(), quotas[0].used, quotas[0].max), ("activations", 1, Some(1)));
    }
}
