//! Waiting for a change of one's own license.

use std::time::Duration;

use kaching_base::{ActivationId, ErrorCode, LicenseId, Timestamp};
use kaching_db::Tx;
use kaching_domain::{Activation, ActivationStatus, License, Status};
use kaching_license::{Expected, Moment};

use crate::{
    Authority, Error, Result, activations,
    changes::{Change, Heard, Listener, Manner},
    licenses,
    statements::Around,
};

/// Who shows a lease of ours that has not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bearer {
    pub license: LicenseId,
    pub activation: ActivationId,
    /// The license's revision when the lease was signed.
    pub rev: i64,
    /// How many installations the license may have by this lease; `None` is without limit.
    pub slots: Option<u64>,
    /// The last moment at which the lease counts.
    pub until: Timestamp,
}

/// A license and some of its activations, looked at in order to tell them what changed.
pub(crate) struct Looked {
    pub(crate) around: Around,
    pub(crate) activations: Vec<Activation>,
}

/// The heartbeats after a change are spread so that this is the time of each; but over no less and no more than
/// this, so that many small licenses at once are no storm either, and nobody waits for long.
const EACH_MS: u64 = 2;
const LEAST_MS: u64 = 50;
const MOST_MS: u64 = 60_000;

impl Looked {
    /// The license as it is now, its change that is due included; nothing if there is none.
    pub(crate) fn read(
        tx: &mut Tx<'_>,
        license: LicenseId,
        activations: impl IntoIterator<Item = ActivationId>,
        now: Timestamp,
    ) -> Result<Option<Self>> {
        let Some(license) = licenses::sql::by_id(tx, license)? else { return Ok(None) };
        let license = licenses::due(tx, &license, now)?.unwrap_or(license);
        let around = Around::read(tx, license)?;
        let mut found = Vec::new();
        for id in activations {
            found.extend(activations::sql::by_id(tx, id)?);
        }
        Ok(Some(Self { around, activations: found }))
    }
}

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
            slots: lease.limits.get("activations").map_or(Some(1), |limit| limit.max()),
            until: lease.run_until,
        })
    }

    /// Listens for changes from now on. Listen first, then [look](Self::look), so that nothing falls between.
    pub fn listen(&self, bearer: Bearer, manner: Manner) -> Listener {
        self.changes.listen(bearer, manner)
    }

    /// The present state, for one who has the revision `rev`.
    ///
    /// # Errors
    /// `activation_not_found`, or if the database cannot be read.
    pub async fn look(&self, listener: &Listener, rev: i64) -> Result<Change> {
        let _turn = self.changes.turn().await;
        listener.begin_look();
        let Bearer { license, activation, .. } = listener.bearer();
        let (looked, now) = self
            .read("changes.look", move |tx, now| Ok((Looked::read(tx, license, [activation], now)?, now)))
            .await?;
        let Some(Looked { around, activations }) = looked else { return Err(activations::unknown()) };
        let activation = activations.first().ok_or_else(activations::unknown)?;
        listener.looked(due(&around.license, now), own_due(activation, now));
        let refusal = self.push_refusal(&around, activation, now)?;
        let present = around.license.revision;
        let within_ms = (present > rev).then(|| spread(&around.license));
        Ok(Change { rev: present, epoch: self.keys().epoch, refusal, within_ms, at: None })
    }

    /// The present revision: at once where it is above `rev`, else when it is or the time is over.
    ///
    /// # Errors
    /// As of [`look`](Self::look).
    pub async fn wait_for_change(&self, bearer: Bearer, rev: i64, longest: Duration) -> Result<Change> {
        let deadline = tokio::time::Instant::now() + longest;
        let listener = self.listen(bearer, Manner::Question);
        let first = self.look(&listener, rev).await?;
        if first.rev > rev || longest.is_zero() {
            return Ok(first);
        }
        loop {
            match tokio::time::timeout_at(deadline, listener.heard()).await {
                Ok(Heard::News(news)) => return Ok(news.change().clone()),
                Ok(Heard::Anew) => {
                    let change = self.look(&listener, rev).await?;
                    if change.rev > rev || change.refusal.is_some() != first.refusal.is_some() {
                        return Ok(change);
                    }
                }
                Ok(Heard::Ended) | Err(_) => return self.look(&listener, rev).await,
            }
        }
    }
}

/// Within how many milliseconds the activations of a license should fetch what changed.
pub(crate) fn spread(license: &License) -> u64 {
    license.active.unsigned_abs().saturating_mul(EACH_MS).clamp(LEAST_MS, MOST_MS)
}

/// The next moment at which the clock alone changes what the license allows.
pub(crate) fn due(license: &License, now: Timestamp) -> Option<Timestamp> {
    let dates = match license.status {
        Status::Active => [license.starts_at, license.end()],
        Status::Suspended | Status::Revoked => [None; 2],
    };
    let scheduled = license.scheduled.as_ref().map(|change| change.at);
    dates.into_iter().flatten().chain(scheduled).filter(|at| *at > now).min()
}

/// The same of an activation that moved away or was given back by the key: the end of its grace.
fn own_due(activation: &Activation, now: Timestamp) -> Option<Timestamp> {
    let moved = matches!(activation.status, ActivationStatus::Superseded | ActivationStatus::Deactivated);
    activation.move_ends_at.filter(|at| moved && *at > now)
}
