//! Waiting for a change of one's own license.

use std::time::Duration;

use kaching_base::{ActivationId, ErrorCode, LicenseId};
use kaching_db::Engine;
use kaching_license::{Expected, Moment};

use crate::{Authority, Error, Result, activations, changes, licenses, statements::Around};

/// Who shows a lease of ours that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bearer {
    pub license: LicenseId,
    pub activation: ActivationId,
    /// The license's revision when the lease was signed.
    pub rev: i64,
}

/// What a client that waited is told.
#[derive(Clone, Debug)]
pub struct Change {
    /// The license's present revision.
    pub rev: i64,
    /// A pushed refusal, where it must stop.
    pub refusal: Option<String>,
    /// Where the revision is above its own: the heartbeat should come at a random moment within this.
    pub within_ms: Option<u64>,
}

/// Other processes on one database are not heard, but looked for this often.
const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// The heartbeats after a change are spread over at most this.
const SPREAD_MS: u64 = 500;

impl Authority {
    /// Who shows this lease: it was signed here, and its time to run has not ended.
    ///
    /// # Errors
    /// `unauthenticated` otherwise.
    pub async fn bearer(&self, lease: &str) -> Result<Bearer> {
        let now = self.now();
        let verified = self.own_keyset()?.verify_lease(lease, &Expected::default(), Moment::Running(now));
        let lease = verified.map_err(|error| {
            Error::coded(ErrorCode::Unauthenticated, format!("This lease does not count here: {error}."))
        })?;
        Ok(Bearer {
            license: lease.sub,
            activation: lease.act,
            rev: i64::try_from(lease.rev).unwrap_or(i64::MAX),
        })
    }

    /// The present revision: at once where it is above `rev`, else when it is or the time is over.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub async fn wait_for_change(&self, bearer: Bearer, rev: i64, longest: Duration) -> Result<Change> {
        let slice = if self.db.engine() == Engine::Postgres { LOOK_AGAIN } else { longest };
        let deadline = tokio::time::Instant::now() + longest;
        loop {
            // Listening begins before looking, so that nothing falls between.
            let mut news = self.changes.subscribe(bearer.license);
            let change = self.change(bearer, rev).await?;
            let left = deadline.saturating_duration_since(tokio::time::Instant::now());
            if change.rev > rev || left.is_zero() {
                return Ok(change);
            }
            changes::wait(&mut news, left.min(slice)).await;
        }
    }

    async fn change(&self, bearer: Bearer, rev: i64) -> Result<Change> {
        let (around, activation, now) = self
            .read("changes.look", move |tx, now| {
                let gone = || {
                    Error::coded(
                        ErrorCode::ActivationNotFound,
                        "There is no such activation: activate again.",
                    )
                };
                let license = licenses::sql::by_id(tx, bearer.license)?.ok_or_else(gone)?;
                let license = licenses::due(tx, &license, now)?.unwrap_or(license);
                let activation = activations::sql::by_id(tx, bearer.activation)?.ok_or_else(gone)?;
                Ok((Around::read(tx, license)?, activation, now))
            })
            .await?;
        let present = around.license.revision;
        let refusal = self.push_refusal(&around, &activation, now)?;
        let active = around.license.active.unsigned_abs();
        let within_ms = (present > rev).then(|| active.saturating_mul(2).min(SPREAD_MS));
        Ok(Change { rev: present, refusal, within_ms })
    }
}
