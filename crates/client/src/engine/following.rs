//! Running on a lease that another process or node of the same installation keeps.

use kaching_license::{Expected, Invalid, Lease, Moment, TrustedKeyset};

use super::{Contact, Engine, LastRefusal, Record, record::Stop};
use crate::{Fingerprint, clock::Reading, handover::Handover, start_error::StartError, time::TrustedTime};

impl Engine {
    /// Takes what the process that holds the state directory has on disk, as if this one had been started on it.
    ///
    /// # Errors
    /// If it belongs to another license or installation.
    pub(crate) fn observe(&mut self, left: &[u8], now: Reading, boot_id: String) -> Result<(), ()> {
        let record = Record::observed(left, &mut self.settings).ok_or(())?;
        self.time = TrustedTime::restore(record.time.as_ref(), boot_id, now);
        self.record = record;
        self.contact = Contact::Made;
        (self.grant, self.refusal) = (None, None);
        self.recall(now);
        Ok(())
    }

    /// The process that holds the state directory has nothing there any more. So it is where it could not write down a
    /// stop.
    pub(crate) fn observe_nothing(&mut self) {
        self.record = Record::new(self.settings.identity());
        (self.grant, self.refusal, self.credential) = (None, None, None);
        self.lost("the process that keeps the license cannot write its state".to_owned());
    }

    /// Takes what another node handed over; only what verifies counts.
    pub(crate) fn handed(&mut self, handover: Result<Handover, String>, now: Reading) {
        match handover.and_then(|handover| self.judge(handover, now)) {
            Ok(()) => self.contact = Contact::Made,
            Err(why) => {
                tracing::info!(%why, "nothing that counts was handed over");
                self.lost(why);
                self.start_offline(now);
            }
        }
        self.looked(now);
    }

    /// Once more was looked at what another has, which may settle the start.
    pub(crate) fn looked(&mut self, now: Reading) {
        self.turns += 1;
        self.turned = self.turns;
        match &self.record.stop {
            _ if self.permits(now) => self.settle_start(Ok(())),
            Some(stop) => {
                let (code, detail) = (stop.code.clone(), stop.detail.clone());
                self.settle_start(Err(StartError::Refused { code, detail, contact: None }));
            }
            None => {}
        }
    }

    fn judge(&mut self, handover: Handover, now: Reading) -> Result<(), String> {
        let held = (self.record.keyset.as_deref(), self.record.lease.as_deref());
        let same = held == (Some(&handover.keyset), Some(&handover.lease));
        if same && handover.refusal.as_ref() == self.stop_statement() {
            return Ok(());
        }
        let not = |invalid: Invalid| format!("what it hands over does not count: {invalid}");
        self.trust(std::iter::once(handover.keyset.as_str()), now).map_err(not)?;
        let Some(keyset) = self.keyset.clone() else { return Err(not(Invalid::UnknownRoot)) };
        let aud = Some(self.settings.product.as_str());
        // Its own times are judged with every verdict.
        let verify = |fingerprint: &Fingerprint| {
            let expected = Expected { aud, fpr: Some(fingerprint.hash()), ..Expected::default() };
            keyset.verify_lease(&handover.lease, &expected, Moment::Inspect)
        };
        let fingerprint = &self.settings.fingerprint;
        let lease = match (verify(fingerprint), fingerprint.as_before()) {
            (Err(Invalid::Fingerprint), Some(before)) => verify(&before),
            (verified, _) => verified,
        };
        let lease = lease.map_err(not)?;
        if lease.iat >= keyset.keyset().exp || lease.ks > keyset.keyset().version {
            return Err(not(Invalid::KeysetExpired));
        }
        if lease.epoch > self.record.epoch {
            self.time.begin_epoch(lease.iat, now);
        }
        self.time.at_least(lease.iat, now);
        let stopped = match &handover.refusal {
            Some(refusal) => self.handed_refusal(refusal, &lease, &keyset, now)?,
            None => false,
        };
        if !stopped {
            self.handed_lease(lease, handover)?;
        }
        Ok(())
    }

    /// Whether the refusal that came with a lease stops what runs on that lease. One of anything else proves nothing.
    fn handed_refusal(
        &mut self,
        statement: &str,
        lease: &Lease,
        keyset: &TrustedKeyset,
        now: Reading,
    ) -> Result<bool, String> {
        let expected = Expected {
            aud: Some(lease.aud.as_str()),
            sub: Some(lease.sub),
            act: Some(lease.act),
            ..Expected::default()
        };
        let refusal = keyset
            .verify_refusal(statement, &expected, Moment::Inspect)
            .map_err(|invalid| format!("the refusal that it hands over does not count: {invalid}"))?;
        let held = self.lease().unwrap_or(lease);
        // Times are whole seconds: of the same one, the higher revision is later.
        let same_second = refusal.epoch == held.epoch && refusal.iat == held.iat;
        let after = same_second && refusal.rev.is_none_or(|rev| rev >= held.rev);
        // Of a slot that is lost the holder has judged: that answers a request of its own.
        let stops = refusal.code.stops() || refusal.act.is_some() && refusal.takes_slot_of(lease);
        if refusal.sub.is_none() || !stops || !(after || refusal.outdates(held)) {
            return Ok(false);
        }
        self.time.at_least(refusal.iat, now);
        let known = self.record.stop.as_ref().is_some_and(|stop| {
            stop.outdates(refusal.iat, refusal.epoch, refusal.rev) || *stop == Stop::of(&refusal, statement)
        });
        if !known {
            self.refusal = Some(LastRefusal::of_push(&refusal));
            self.stop(&refusal, statement);
        }
        Ok(true)
    }

    fn handed_lease(&mut self, lease: Lease, handover: Handover) -> Result<(), String> {
        let record = &self.record;
        if record.lease.as_ref() == Some(&handover.lease) && record.stop.is_none() {
            return Ok(());
        }
        // Of one license; another one's revisions say nothing about this one's.
        let held = self.lease().filter(|held| held.sub == lease.sub);
        let same_epoch = lease.epoch == record.epoch;
        let outdated = held.is_some_and(|held| {
            lease.epoch < record.epoch || same_epoch && (lease.iat < held.iat || lease.rev < record.rev)
        });
        // Times are whole seconds: of the same one, only a higher revision is later than the stop.
        let undone = record.stop.as_ref().is_none_or(|stop| {
            lease.epoch > stop.epoch
                || lease.epoch == stop.epoch && (lease.iat > stop.iat || Some(lease.rev) > stop.rev)
        });
        if outdated || !undone {
            return Err("what it hands over is older than what is known".to_owned());
        }
        if self.lease().is_none_or(|held| lease.iat > held.iat) {
            // Its holder is in contact, as far as a node that asks nobody can tell.
            self.time.reassured();
        }
        self.record.catalogue = handover.catalogue.or_else(|| self.record.catalogue.take());
        self.adopt(lease, handover.lease);
        Ok(())
    }

    fn stop_statement(&self) -> Option<&String> {
        self.record.stop.as_ref()?.statement.as_ref()
    }

    /// What another node may run on, as far as this one has it.
    pub(crate) fn handover(&self) -> Option<Handover> {
        let record = &self.record;
        Some(Handover {
            keyset: record.keyset.clone()?,
            lease: record.lease.clone()?,
            refusal: record.stop.as_ref().and_then(|stop| stop.statement.clone()),
            catalogue: record.catalogue.clone(),
        })
    }
}
