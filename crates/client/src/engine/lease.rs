//! The lease that this process runs on, the catalogue that explains it, and the refusal that stops it.

use std::{sync::Arc, time::Duration};

use kaching_api::{Catalogue, Quota};
use kaching_base::Timestamp;
use kaching_license::{Digest, Lease, Refusal};
use serde::{Deserialize, Serialize};

use super::{
    refusal::{LastRefusal, Stop},
    schedule::FetchSchedule,
    stored::Stored,
};
use crate::{grant::Grant, timing::Timing};

/// The lease as it is written to disk.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct LeaseRecord {
    epoch: u64,
    /// The highest revision that a statement of this epoch named.
    rev: u64,
    /// The last lease that was verified, as it was signed.
    lease: Option<String>,
    /// The catalogue's body, as its hash was signed.
    catalogue: Option<String>,
    /// The quotas of the last answer.
    #[serde(default)]
    quotas: Vec<Quota>,
    /// While there is one, nothing older counts.
    stop: Option<Stop>,
}

/// A lease that waits for a newer keyset.
pub(super) struct PendingLease {
    pub(super) jws: String,
    pub(super) request: Digest,
    pub(super) activates: bool,
    pub(super) asked: Duration,
    pub(super) exp: Timestamp,
}

/// The license as this process knows it.
#[derive(Default)]
pub(super) struct LeaseState {
    stored: Stored<LeaseRecord>,
    grant: Option<Arc<Grant>>,
    pending: Option<PendingLease>,
    refusal: Option<LastRefusal>,
    /// Counts stops, so that an answer to a question from before one is recognised.
    stops: u64,
    catalogue_fetch: FetchSchedule,
}

impl LeaseRecord {
    /// Whether it has a lease that nothing stops, at any time.
    pub(super) fn permits(&self) -> bool {
        self.lease.is_some() && self.stop.is_none()
    }

    pub(super) fn is_used(&self) -> bool {
        self.lease.is_some() || self.stop.is_some()
    }

    #[cfg(test)]
    pub(super) fn of_lease(jws: &str) -> Self {
        Self { lease: Some(jws.to_owned()), ..Self::default() }
    }

    #[cfg(test)]
    pub(super) fn lease(&self) -> Option<&str> {
        self.lease.as_deref()
    }
}

impl LeaseState {
    /// Verifies the lease of a record again. One that does not verify is ignored.
    pub(super) fn load(&mut self, record: LeaseRecord, verify: impl FnOnce(&str) -> Option<Lease>) {
        let grant = record.lease.as_deref().and_then(verify).map(|lease| {
            let catalogue = record.catalogue.as_deref().and_then(|body| parse_catalogue(body, lease.cat));
            Arc::new(Grant { is_current: catalogue.is_some(), lease, catalogue })
        });
        self.grant = grant;
        self.refusal = record.stop.as_ref().map(LastRefusal::of_stop);
        self.stored = Stored::new(record);
    }

    pub(super) fn stored(&self) -> &Stored<LeaseRecord> {
        &self.stored
    }

    pub(super) fn written(&mut self) {
        self.stored.written();
    }

    pub(super) fn grant(&self) -> Option<&Arc<Grant>> {
        self.grant.as_ref()
    }

    pub(super) fn lease(&self) -> Option<&Lease> {
        self.grant.as_ref().map(|grant| &grant.lease)
    }

    /// Returns the last moment of the license with its grace; `None` if it is perpetual, or unknown.
    pub(super) fn license_ends(&self) -> Option<Timestamp> {
        self.grant.as_ref()?.license_ends()
    }

    /// The lease as it was signed.
    pub(super) fn jws(&self) -> Option<&str> {
        self.stored.lease.as_deref()
    }

    /// The body of the catalogue.
    pub(super) fn catalogue(&self) -> Option<&str> {
        self.stored.catalogue.as_deref()
    }

    pub(super) fn epoch(&self) -> u64 {
        self.stored.epoch
    }

    pub(super) fn rev(&self) -> u64 {
        self.stored.rev
    }

    pub(super) fn stop(&self) -> Option<&Stop> {
        self.stored.stop.as_ref()
    }

    pub(super) fn stops(&self) -> u64 {
        self.stops
    }

    /// The last refusal, if no lease has come since.
    pub(super) fn refusal(&self) -> Option<&LastRefusal> {
        self.refusal.as_ref()
    }

    pub(super) fn quotas(&self) -> &[Quota] {
        &self.stored.quotas
    }

    pub(super) fn set_quotas(&mut self, quotas: Vec<Quota>) {
        if self.stored.quotas != quotas {
            self.stored.edit().quotas = quotas;
        }
    }

    pub(super) fn set_refusal(&mut self, refusal: LastRefusal) {
        self.refusal = Some(refusal);
    }

    /// Runs on a verified lease from now on.
    pub(super) fn adopt(&mut self, lease: Lease, jws: String) {
        let record = self.stored.edit();
        (record.epoch, record.rev) = (lease.epoch, lease.rev);
        if record.stop.take().is_some() {
            tracing::info!(rev = lease.rev, "the license runs again");
        }
        record.lease = Some(jws);
        let held = record.catalogue.as_deref().and_then(|body| parse_catalogue(body, lease.cat));
        self.refusal = None;
        // Until the new one is here, the old catalogue still has the names of most features.
        let is_current = held.is_some();
        let catalogue = held.or_else(|| self.grant.as_ref()?.catalogue.clone());
        self.grant = Some(Arc::new(Grant { lease, catalogue, is_current }));
    }

    /// Stops on a signed refusal, which is kept with the statement.
    pub(super) fn stop_on(&mut self, refusal: &Refusal, statement: &str) {
        let record = self.stored.edit();
        if refusal.epoch > record.epoch {
            // Revisions of another epoch say nothing about those of this one.
            (record.epoch, record.rev) = (refusal.epoch, 0);
        }
        if let Some(rev) = refusal.rev.filter(|_| refusal.epoch == record.epoch) {
            record.rev = record.rev.max(rev);
        }
        record.stop = Some(Stop::of(refusal, statement));
        self.pending = None;
        self.stops += 1;
    }

    /// Shortens the time of a lease that is in doubt.
    pub(super) fn run_no_longer_than(&mut self, last: Timestamp) {
        let Some(grant) = &self.grant else { return };
        let mut grant = Grant::clone(grant);
        let lease = &mut grant.lease;
        (lease.exp, lease.run_until) = (lease.exp.min(last), lease.run_until.min(last));
        self.grant = Some(Arc::new(grant));
    }

    /// Forgets the lease: the installation is deactivated.
    pub(super) fn forget_lease(&mut self) {
        self.stored.edit().lease = None;
        self.grant = None;
    }

    /// Forgets everything about the license.
    pub(super) fn forget_license(&mut self) {
        *self.stored.edit() = LeaseRecord::default();
        (self.grant, self.pending, self.refusal) = (None, None, None);
        self.stops += 1;
    }

    pub(super) fn pending(&self) -> Option<&PendingLease> {
        self.pending.as_ref()
    }

    pub(super) fn set_pending(&mut self, pending: PendingLease) {
        self.pending = Some(pending);
    }

    pub(super) fn take_pending(&mut self) -> Option<PendingLease> {
        self.pending.take()
    }

    /// Wants the catalogue that the lease names, unless it is here.
    pub(super) fn want_catalogue(&mut self, hash: Digest) {
        let body = self.stored.catalogue.as_deref();
        let held = body.is_some_and(|body| parse_catalogue(body, hash).is_some());
        if !held && !self.catalogue_fetch.is_wanted() {
            self.catalogue_fetch.want_now();
        }
    }

    pub(super) fn wants_catalogue(&self) -> bool {
        self.catalogue_fetch.is_wanted()
    }

    pub(super) fn catalogue_due(&self, timing: &Timing) -> Option<Duration> {
        self.grant.as_ref().filter(|_| self.stored.stop.is_none())?;
        self.catalogue_fetch.due_with_backoff(timing.backoff.0, timing.refetch_interval)
    }

    pub(super) fn catalogue_sent(&mut self, now: Duration) {
        self.catalogue_fetch.sent(now);
    }

    /// Takes the body of a catalogue, if it is the one that the lease names.
    pub(super) fn set_catalogue(&mut self, body: &str) {
        let Some(grant) = &self.grant else { return };
        let Some(catalogue) = parse_catalogue(body, grant.lease.cat) else {
            tracing::info!("the catalogue is another one than the lease names");
            return;
        };
        let (lease, catalogue) = (grant.lease.clone(), Some(catalogue));
        self.grant = Some(Arc::new(Grant { lease, catalogue, is_current: true }));
        self.stored.edit().catalogue = Some(body.to_owned());
        self.catalogue_fetch.done();
    }

    /// Keeps the body of a catalogue that came with a lease, to be judged when that is adopted.
    pub(super) fn keep_catalogue(&mut self, body: Option<String>) {
        if body.is_some() {
            self.stored.edit().catalogue = body;
        }
    }

    /// Sets the parts that a test plays, without a signature.
    #[cfg(feature = "testing")]
    pub(super) fn fake(&mut self, grant: Option<Grant>, stop: Option<Stop>) {
        self.refusal = stop.as_ref().map(LastRefusal::of_stop);
        self.stored.edit().stop = stop;
        self.grant = grant.map(Arc::new);
    }
}

/// Parses the body of a catalogue, if it is the one of this hash.
fn parse_catalogue(body: &str, hash: Digest) -> Option<Catalogue> {
    (Digest::of(body) == hash).then(|| serde_json::from_str(body).ok()).flatten()
}
