//! Licenses: what is granted to whom, until when, on what.

mod bindings;
mod change_plan;
mod create;
mod dates;
mod edit;
mod renew;
mod status;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use kaching_base::{
    CLOCK_TOLERANCE, CustomerId, ErrorCode, FingerprintKind, LeasePolicy, LicenseId, LicenseType, Limit,
    PlanId, ProductId, Seconds, Timestamp,
};

use crate::{Overrides, Refused, Terms, word::word};

pub use change_plan::{
    At, ChangePlan, Present, apply_plan, change_plan, check_applied, due_change, is_lowered,
};
pub use create::{Draft, create};
pub use dates::start;
pub use edit::{EditLicense, edit, merge};
pub use renew::{Renew, RenewLicense, renew};
pub use status::{delete, reinstate, revoke, suspend, transfer};

/// The grant of a plan's terms to a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct License {
    pub id: LicenseId,
    pub product: ProductId,
    pub customer: CustomerId,
    pub plan: PlanId,
    pub license_type: LicenseType,
    pub status: Status,
    /// One more with every change that a lease must reflect.
    pub revision: i64,
    /// `None` until the first activation, if that starts the license.
    pub starts_at: Option<Timestamp>,
    /// `None` for a perpetual license, and until the first activation.
    pub expires_at: Option<Timestamp>,
    /// The day of the month on which the license ends, term for term, where it has terms of months or years: one that
    /// began on the 31st ends on the last day of a shorter month, and on the 31st again of a longer one.
    pub kept_day: Option<u8>,
    /// Whether the first activation sets the dates, and has not yet come.
    pub starts_at_first_activation: bool,
    /// The terms as they were copied from the plan; licenses that have the same may share them.
    pub granted: Arc<Terms>,
    pub overrides: Arc<Overrides>,
    pub bindings: Vec<Binding>,
    pub tags: BTreeSet<String>,
    pub notes: String,
    pub metadata: BTreeMap<String, String>,
    /// Why it is suspended, for people.
    pub suspended_reason: Option<String>,
    /// A change of plan that waits for the period's end.
    pub scheduled: Option<ScheduledChange>,
    /// The number of activations that the row counts as active; some may have lapsed since.
    pub active: i64,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub archived_at: Option<Timestamp>,
}

/// The stored status of a license.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Active,
    Suspended,
    /// Final.
    Revoked,
}

/// The state of a license as people see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    NotYetValid,
    Active,
    InGrace,
    Expired,
    Suspended,
    Revoked,
}

/// A restriction of the installations that may use a license.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    pub kind: FingerprintKind,
    /// Compared byte for byte; for domains in their canonical form, also `*.example.com`.
    pub value: String,
}

/// A change of plan that takes effect later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduledChange {
    pub plan: PlanId,
    pub at: Timestamp,
}

impl License {
    /// The effective terms: the copied terms with the license's own overrides.
    pub fn terms(&self) -> Arc<Terms> {
        match *self.overrides == Overrides::default() {
            true => Arc::clone(&self.granted),
            false => Arc::new(self.granted.with(&self.overrides)),
        }
    }

    /// The lease policy.
    pub fn policy(&self) -> &LeasePolicy {
        self.overrides.policy.as_ref().unwrap_or(&self.granted.policy)
    }

    /// The limit of this name.
    pub fn limit(&self, name: &str) -> Option<Limit> {
        self.overrides.limits.get(name).or_else(|| self.granted.limits.get(name)).copied()
    }

    /// The number of installations that may be active at the same time, as [`Terms::slots`].
    pub fn slots(&self) -> Option<u64> {
        self.limit("activations").map_or(Some(1), |limit| limit.max())
    }

    /// The days of expiry grace: the policy's, or 14, and none for trials.
    pub fn expiry_grace(&self) -> Seconds {
        let unsaid = if self.license_type == LicenseType::Trial { 0 } else { 14 };
        Seconds::days(self.policy().expiry_days.unwrap_or(unsaid))
    }

    /// The moment after which nothing runs on this license: its end and the grace; nothing if it has no end.
    pub fn end(&self) -> Option<Timestamp> {
        self.expires_at.map(|at| at + self.expiry_grace())
    }

    /// Returns the state at this moment.
    pub fn state(&self, now: Timestamp) -> State {
        match self.status {
            Status::Revoked => State::Revoked,
            Status::Suspended => State::Suspended,
            Status::Active if self.starts_at.is_some_and(|at| now + CLOCK_TOLERANCE < at) => {
                State::NotYetValid
            }
            Status::Active if self.end().is_some_and(|at| now >= at) => State::Expired,
            Status::Active if self.expires_at.is_some_and(|at| now >= at) => State::InGrace,
            Status::Active => State::Active,
        }
    }
}

impl License {
    /// This license with one revision more: a lease must reflect what changed.
    fn raised(mut self, now: Timestamp) -> Self {
        self.revision += 1;
        self.updated_at = now;
        self
    }

    /// Refuses what a revoked license does not allow any more.
    fn living(&self) -> Result<(), Refused> {
        match self.status {
            Status::Revoked => Err(Refused::new(
                ErrorCode::WrongState,
                "the license is revoked, which is final; make a new one",
            )),
            Status::Active | Status::Suspended => Ok(()),
        }
    }
}

word!(Status { Active = "active", Suspended = "suspended", Revoked = "revoked" });
word!(State {
    NotYetValid = "not_yet_valid",
    Active = "active",
    InGrace = "in_grace",
    Expired = "expired",
    Suspended = "suspended",
    Revoked = "revoked"
});
