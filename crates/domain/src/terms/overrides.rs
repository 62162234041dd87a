use std::collections::BTreeMap;

use kaching_base::{Code, Limit};

use crate::{Overrides, Terms};

impl Overrides {
    /// Returns the overrides that turn the granted terms into the effective ones. A limit that only the granted terms
    /// have stays.
    pub fn between(granted: &Terms, effective: &Terms) -> Self {
        let differs = |(name, limit): &(&Code, &Limit)| granted.limits.get(*name) != Some(*limit);
        let limits = effective.limits.iter().filter(differs).map(|(name, limit)| (name.clone(), *limit));
        Self {
            granted: effective.features.difference(&granted.features).cloned().collect(),
            withheld: granted.features.difference(&effective.features).cloned().collect(),
            limits: limits.collect(),
            policy: (effective.policy != granted.policy).then(|| effective.policy.clone()),
        }
    }

    /// Returns the overrides that remain when the terms are replaced by those of another plan: features beyond the
    /// plan, and limits that were raised above the old plan and are above the new one, too. What was held back
    /// from the old plan is not held back from the new one.
    pub fn carried(&self, old: &Terms, new: &Terms) -> Self {
        let stays = |(name, limit): &(&Code, &Limit)| {
            above(limit, old.limits.get(*name)) && above(limit, new.limits.get(*name))
        };
        Self {
            granted: self.granted.difference(&new.features).cloned().collect(),
            withheld: Default::default(),
            limits: self.limits.iter().filter(stays).map(|(name, limit)| (name.clone(), *limit)).collect(),
            policy: self.policy.clone().filter(|policy| *policy != new.policy),
        }
    }

    /// Sets limits in effective terms: a limit replaces, nothing takes the license's own one away.
    pub fn set_limits(granted: &Terms, effective: &mut Terms, edits: &BTreeMap<Code, Option<Limit>>) {
        for (name, edit) in edits {
            match edit.as_ref().or_else(|| granted.limits.get(name)) {
                Some(limit) => effective.limits.insert(name.clone(), *limit),
                None => effective.limits.remove(name),
            };
        }
    }
}

/// Whether a limit allows more than another of the same name; an absent one restricts nothing, but for slots,
/// which are one then.
fn above(limit: &Limit, other: Option<&Limit>) -> bool {
    let unsaid = if matches!(limit, Limit::Slots { .. }) { Some(1) } else { None };
    match (limit.max(), other.map_or(unsaid, Limit::max)) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(max), Some(other)) => max > other,
    }
}
