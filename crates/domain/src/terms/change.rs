use std::collections::{BTreeMap, BTreeSet};

use kaching_base::{Code, LeasePolicy, Limit, Limits};

use crate::Terms;

/// The difference between the terms before and after a change, by name.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct TermsChange {
    pub features_added: BTreeSet<Code>,
    pub features_removed: BTreeSet<Code>,
    pub limits_added: Limits,
    pub limits_removed: Limits,
    /// The maximum before and after.
    pub limits_changed: BTreeMap<Code, (Limit, Limit)>,
    /// The members of the lease policy that differ.
    pub policy: BTreeSet<&'static str>,
}

impl TermsChange {
    /// Returns the change from the first terms to the second.
    pub fn between(old: &Terms, new: &Terms) -> Self {
        let only = |of: &Limits, other: &Limits| {
            let alone = of.iter().filter(|(name, _)| !other.contains_key(*name));
            alone.map(|(name, limit)| (name.clone(), *limit)).collect()
        };
        let (old_limits, new_limits) = (limits(old), limits(new));
        let both = old_limits.iter().filter_map(|(name, from)| Some((name, *from, *new_limits.get(name)?)));
        let differing = both.filter(|(_, from, to)| from != to);
        Self {
            features_added: new.features.difference(&old.features).cloned().collect(),
            features_removed: old.features.difference(&new.features).cloned().collect(),
            limits_added: only(&new_limits, &old_limits),
            limits_removed: only(&old_limits, &new_limits),
            limits_changed: differing.map(|(name, from, to)| (name.clone(), (from, to))).collect(),
            policy: policy(&old.policy, &new.policy),
        }
    }

    /// Whether the two were the same.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The limits, with the one slot that there is where none is said.
fn limits(terms: &Terms) -> Limits {
    let mut limits = terms.limits.clone();
    limits.entry(Code::activations()).or_insert(Limit::Slots { max: Some(1) });
    limits
}

fn policy(old: &LeasePolicy, new: &LeasePolicy) -> BTreeSet<&'static str> {
    let members = [
        ("lease_s", old.lease_s != new.lease_s),
        ("offline_s", old.offline_s != new.offline_s),
        ("expiry_days", old.expiry_days != new.expiry_days),
        ("mode", old.mode != new.mode),
        ("keep", old.keep != new.keep),
        ("move_grace_s", old.move_grace_s != new.move_grace_s),
        ("moves", old.moves != new.moves),
        ("copies", old.copies != new.copies),
        ("kinds", old.kinds != new.kinds),
    ];
    members.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
}
