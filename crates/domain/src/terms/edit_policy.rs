use kaching_base::{Code, CopyPolicy, FingerprintKind, LeasePolicy, Mode};

use crate::EditList;

/// Members of a lease policy that are said; the others stay.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct EditPolicy {
    pub lease_s: Option<i64>,
    pub offline_s: Option<i64>,
    /// `Some(None)` is the default: 14, and none for trials.
    pub expiry_days: Option<Option<i64>>,
    pub mode: Option<Mode>,
    pub keep: Option<EditList<Code>>,
    pub move_grace_s: Option<i64>,
    pub moves: Option<i64>,
    pub copies: Option<CopyPolicy>,
    pub kinds: Option<EditList<FingerprintKind>>,
}

impl EditPolicy {
    /// The policy with what is said here.
    pub fn of(&self, policy: &LeasePolicy) -> LeasePolicy {
        let said = self.clone();
        LeasePolicy {
            lease_s: said.lease_s.unwrap_or(policy.lease_s),
            offline_s: said.offline_s.unwrap_or(policy.offline_s),
            expiry_days: said.expiry_days.unwrap_or(policy.expiry_days),
            mode: said.mode.unwrap_or(policy.mode),
            keep: said.keep.map_or_else(|| policy.keep.clone(), |edit| edit.of(&policy.keep)),
            move_grace_s: said.move_grace_s.unwrap_or(policy.move_grace_s),
            moves: said.moves.unwrap_or(policy.moves),
            copies: said.copies.unwrap_or(policy.copies),
            kinds: said.kinds.map_or_else(|| policy.kinds.clone(), |edit| edit.of(&policy.kinds)),
        }
    }
}
