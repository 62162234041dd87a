//! Refusals: the signed one that stops the client, and the last one of any kind, for people to see.

use kaching_api::{Contact, Holder, Problem};
use kaching_base::{ErrorCode, Timestamp};
use kaching_license::{Refusal, RefusalCode};
use serde::{Deserialize, Serialize};

/// A signed refusal that stopped the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stop {
    pub(crate) code: RefusalCode,
    pub(crate) detail: String,
    pub(crate) iat: Timestamp,
    pub(crate) epoch: u64,
    pub(crate) rev: Option<u64>,
    /// As it was signed, for the nodes that follow this one.
    #[serde(default)]
    pub(crate) statement: Option<String>,
}

impl Stop {
    pub(super) fn of(refusal: &Refusal, statement: &str) -> Self {
        let Refusal { code, detail, iat, epoch, rev, .. } = refusal;
        let statement = Some(statement.to_owned());
        Self { code: code.clone(), detail: detail.clone(), iat: *iat, epoch: *epoch, rev: *rev, statement }
    }

    /// Whether a statement of this time and revision is older than the stop. Times and revisions are compared within one
    /// epoch: another one begins where the authority's clock has run ahead, and goes back.
    pub(super) fn outdates(&self, iat: Timestamp, epoch: u64, rev: Option<u64>) -> bool {
        let earlier_terms = rev.zip(self.rev).is_some_and(|(rev, own)| rev < own);
        epoch < self.epoch || epoch == self.epoch && (iat < self.iat || earlier_terms)
    }

    /// Whether other installations hold the slot: a heartbeat would be useless, since its credential was displaced.
    pub(super) fn of_lost_slot(&self) -> bool {
        use ErrorCode::{ActivationLimitReached, MovesExhausted};
        matches!(self.code, RefusalCode::Known(ActivationLimitReached | MovesExhausted))
    }

    /// Whether the activation was ended: only the host's next start asks for a new one.
    pub(super) fn ends_activation(&self) -> bool {
        use ErrorCode::{ActivationDeactivated, ActivationReleased};
        self.is_move() || matches!(self.code, RefusalCode::Known(ActivationDeactivated | ActivationReleased))
    }

    /// Whether the slot was moved to another installation.
    pub(super) fn is_move(&self) -> bool {
        self.code == ErrorCode::ActivationSuperseded.into()
    }
}

/// The last refusal, for people to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LastRefusal {
    pub(crate) code: String,
    pub(crate) detail: String,
    pub(crate) holders: Vec<Holder>,
    pub(crate) contact: Option<Contact>,
    /// Only a signed one is a refusal; another one explains why the state is unknown.
    pub(super) signed: bool,
}

impl LastRefusal {
    fn new(code: &str, detail: &str) -> Self {
        Self {
            code: code.to_owned(),
            detail: detail.to_owned(),
            holders: Vec::new(),
            contact: None,
            signed: true,
        }
    }

    pub(super) fn of_stop(stop: &Stop) -> Self {
        Self::new(stop.code.as_str(), &stop.detail)
    }

    pub(super) fn of_push(refusal: &Refusal) -> Self {
        Self::new(refusal.code.as_str(), &refusal.detail)
    }

    pub(super) fn of_answer(refusal: &Refusal, problem: &Problem) -> Self {
        let (holders, contact) = (problem.holders.clone().unwrap_or_default(), problem.contact.clone());
        Self { holders, contact, ..Self::of_push(refusal) }
    }

    pub(super) fn of_problem(problem: &Problem) -> Self {
        Self { signed: false, ..Self::new(&problem.code, &problem.detail) }
    }
}
