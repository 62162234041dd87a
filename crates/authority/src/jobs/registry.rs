use kaching_db::Tx;

use super::{Held, Step};
use crate::{Authority, Op, Result, activations, changes, idempotency, keys, licenses, plans, refusals};

/// The jobs that there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    ApplyPlan,
}

impl Kind {
    /// The word under which a job is stored, and which audit entries name as the actor.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ApplyPlan => "jobs.apply_plan",
        }
    }

    pub(super) fn from_word(word: &str) -> Option<Self> {
        [Self::ApplyPlan].into_iter().find(|kind| kind.as_str() == word)
    }

    pub(super) fn step(self, tx: &mut Tx<'_>, op: &mut Op, held: &Held) -> Result<Step> {
        match self {
            Self::ApplyPlan => plans::run_apply(tx, op, held),
        }
    }
}

impl Authority {
    /// What is due by the clock alone: one bounded step of each, and how many things it did.
    pub(super) async fn run_periodic(&self) -> Result<u64> {
        let mut done = licenses::apply_due_changes(self).await?;
        done += activations::lapse_due(self).await?;
        done += activations::write_repeated(self).await?;
        done += activations::forget_nonces(self).await?;
        done += idempotency::forget_old(self).await?;
        done += changes::forget_old(self).await?;
        done += keys::replace_ending_keys(self).await?;
        Ok(done + refusals::write_digests(self).await?)
    }
}
