//! Terms: the features, limits, term and lease policy that a plan or a license grants. A license copies those of its
//! plan and has its own overrides.

mod change;
mod check;
mod edit_policy;
mod overrides;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use kaching_base::{Code, LeasePolicy, Limit, Limits, Term};

pub use change::TermsChange;
pub use edit_policy::EditPolicy;

/// The terms of a plan or a license.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Terms {
    /// The features that are on.
    pub features: BTreeSet<Code>,
    /// The maxima by name.
    pub limits: Limits,
    /// From start to end; nothing has no end.
    pub term: Option<Term>,
    /// The lease policy.
    pub policy: LeasePolicy,
}

/// The differences of a license from the terms that it copied.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Overrides {
    /// Features that are on besides the plan's.
    pub granted: BTreeSet<Code>,
    /// Features of the plan that are off.
    pub withheld: BTreeSet<Code>,
    /// Maxima that replace or add to the plan's.
    pub limits: Limits,
    /// A lease policy that replaces the plan's.
    pub policy: Option<LeasePolicy>,
}

impl Terms {
    /// These terms with a license's own overrides.
    pub fn with(&self, overrides: &Overrides) -> Self {
        let mut terms = self.clone();
        terms.features.extend(overrides.granted.iter().cloned());
        terms.features.retain(|code| !overrides.withheld.contains(code));
        terms.limits.extend(overrides.limits.iter().map(|(name, limit)| (name.clone(), *limit)));
        if let Some(policy) = &overrides.policy {
            terms.policy = policy.clone();
        }
        terms
    }

    /// The number of installations that may be active at the same time: one by default; `None` is unlimited.
    pub fn slots(&self) -> Option<u64> {
        match self.limits.get("activations") {
            Some(limit) => limit.max(),
            None => Some(1),
        }
    }

    /// The maximum of a level; `None` if it has none or is unlimited.
    pub fn level(&self, name: &str) -> Option<u64> {
        match self.limits.get(name) {
            Some(Limit::Level { max }) => *max,
            _ => None,
        }
    }
}
