use kaching_base::{ActivationId, LicenseId, Timestamp};
use kaching_db::Tx;
use kaching_domain::{Activation, ActivationStatus, License, Status};

use crate::{Result, activations, entitlement::Entitlement, licenses};

/// The present state of a license and some of its activations.
pub(crate) struct Snapshot {
    pub(crate) entitlement: Entitlement,
    pub(crate) activations: Vec<Activation>,
}

/// Heartbeats after a change are spread over this time for each activation,
const EACH_MS: u64 = 2;
/// but over no less, so that many small licenses that change together cause no storm,
const LEAST_MS: u64 = 50;
/// and over no more, so that no installation waits for long.
const MOST_MS: u64 = 60_000;

impl Snapshot {
    /// Reads a license, with a scheduled change that is due, and these activations of it; `None` if there is no such
    /// license.
    pub(crate) fn read(
        tx: &mut Tx<'_>,
        license: LicenseId,
        activations: impl IntoIterator<Item = ActivationId>,
        now: Timestamp,
    ) -> Result<Option<Self>> {
        let Some(license) = licenses::sql::by_id(tx, license)? else { return Ok(None) };
        let license = licenses::due(tx, &license, now)?.unwrap_or(license);
        let entitlement = Entitlement::of(tx, license)?;
        let mut found = Vec::new();
        for id in activations {
            found.extend(activations::sql::by_id(tx, id)?);
        }
        Ok(Some(Self { entitlement, activations: found }))
    }
}

/// Returns the milliseconds within which the activations of a license should fetch a change.
pub(crate) fn spread(license: &License) -> u64 {
    license.active.unsigned_abs().saturating_mul(EACH_MS).clamp(LEAST_MS, MOST_MS)
}

/// Returns the next moment at which the clock alone changes what the license allows.
pub(crate) fn due(license: &License, now: Timestamp) -> Option<Timestamp> {
    let dates = match license.status {
        Status::Active => [license.starts_at, license.end()],
        Status::Suspended | Status::Revoked => [None; 2],
    };
    let scheduled = license.scheduled.as_ref().map(|change| change.at);
    dates.into_iter().flatten().chain(scheduled).filter(|at| *at > now).min()
}

/// Returns the end of the move grace of an activation that moved away or was deactivated by the key.
pub(crate) fn own_due(activation: &Activation, now: Timestamp) -> Option<Timestamp> {
    let moved = matches!(activation.status, ActivationStatus::Superseded | ActivationStatus::Deactivated);
    activation.move_ends_at.filter(|at| moved && *at > now)
}
