//! What products tell the audit log.

use kaching_base::Timestamp;
use kaching_domain::Nonce;

use crate::activations::Proof;

/// `POST /v1/reports`.
#[derive(Clone)]
pub struct Report {
    pub proof: Proof,
    pub nonce: Nonce,
    pub kind: ReportKind,
    pub detail: String,
    pub at: Timestamp,
}

/// What a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportKind {
    Security,
    Compliance,
    Health,
}
