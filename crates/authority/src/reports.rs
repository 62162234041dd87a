//! Reports of products to the audit log.

use kaching_base::Timestamp;
use kaching_domain::{ActivationStatus, Nonce};
use serde_json::json;

use crate::{
    Authority, Cx, Error, Result,
    activations::{self, Proof, sql},
    audit::Entry,
    daily::{Charged, DailyCount},
    licenses,
};

/// `POST /v1/reports`.
#[derive(Clone)]
pub struct Report {
    pub proof: Proof,
    pub nonce: Nonce,
    pub kind: ReportKind,
    pub detail: String,
    pub at: Timestamp,
}

/// The subject of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKind {
    Security,
    Compliance,
    Health,
}

/// An entry is read by people: a report longer than this is a log.
const LONGEST: usize = 8192;

impl ReportKind {
    /// The word of the entry's action.
    fn action(self) -> &'static str {
        match self {
            Self::Security => "report.security",
            Self::Compliance => "report.compliance",
            Self::Health => "report.health",
        }
    }
}

impl Authority {
    /// Records the report of a product. A repeated nonce is the same report.
    ///
    /// # Errors
    /// `credential_invalid` or `activation_not_found`, `rate_limited` where the license has reported all that it may
    /// on this day, or if the report is empty or too long.
    pub async fn report(&self, cx: Cx, report: Report) -> Result<()> {
        if report.detail.trim().is_empty() || report.detail.len() > LONGEST {
            return Err(Error::invalid("/detail", format!("a report is 1 to {LONGEST} bytes long")));
        }
        self.write("reports.write", cx, move |tx, op| {
            let id = report.proof.authorization().activation;
            let activation = sql::lock_by_id(tx, id)?.ok_or_else(activations::unknown)?;
            // A superseded activation still reports while it runs on; one whose slot was given back does not.
            let may = match activation.status {
                ActivationStatus::Active | ActivationStatus::Lapsed => true,
                ActivationStatus::Superseded => activation.move_ends_at.is_some_and(|end| op.now < end),
                ActivationStatus::Deactivated | ActivationStatus::Released => false,
            };
            if !may || !report.proof.is_present(&activation) {
                return Err(activations::credential_invalid());
            }
            if sql::nonce_seen(tx, id, &report.nonce, op.now)? {
                return Ok(());
            }
            let license = licenses::sql::by_id(tx, activation.license)?.ok_or_else(activations::unknown)?;
            let detail = "the license has reported as much as is stored in a day (UTC)";
            op.daily.admit(tx, Charged::to(&license), DailyCount::Reports, detail, op.now)?;
            sql::put_nonce(tx, id, &report.nonce, op.now)?;
            op.on(report.kind.action(), id);
            let entry = Entry::ok(json!({ "license": license.id, "at": report.at }));
            // It has a limit of its own, and is not charged with other entries.
            op.audit(tx, entry.private(json!({ "detail": report.detail })).of_customer(license.customer))?;
            Ok(())
        })
        .await
    }
}
