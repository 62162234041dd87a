//! Runs on a lease that another process or node of the same installation renews.

use kaching_license::{Expected, Invalid, Lease, Moment, TrustedKeyset};

use super::{Contact, Engine, LastRefusal, Stop, outbox::OutboxRecord, record::Record};
use crate::{Fingerprint, clock::Reading, handover::Handover, start_error::StartError, time::TrustedTime};

impl Engine {
    /// Loads the state that the holder of the state directory has on disk, as if this process had been started on it.
    ///
    /// # Errors
    /// If it belongs to another license or installation.
    pub(crate) fn observe(&mut self, left: &[u8], now: Reading, boot_id: String) -> Result<(), ()> {
        let record = Record::observed(left, &mut self.settings).ok_or(())?;
        self.time = TrustedTime::restore(record.time.as_ref(), boot_id, now);
        self.calls.set_contact(Contact::Made);
        self.load(record, now);
        Ok(())
    }

    /// Notes that the holder has no state on disk any more, which happens if it could not write a stop.
    pub(crate) fn observe_nothing(&mut self) {
        self.activation.forget_license();
        self.lease.forget_license();
        self.outbox.load(OutboxRecord::default());
        self.lost("the process that keeps the license cannot write its state".to_owned());
    }

    /// Takes the handover of another node, of which only verified statements count.
    pub(crate) fn handed_over(&mut self, handover: Result<Handover, String>, now: Reading) {
        match handover.and_then(|handover| self.judge(handover, now)) {
            Ok(()) => self.calls.set_contact(Contact::Made),
            Err(why) => {
                tracing::info!(%why, "no valid lease was handed over");
                self.lost(why);
                self.start_offline(now);
            }
        }
        self.followed(now);
    }

    /// Settles the start, if the state of the holder or of the other node allows that.
    pub(crate) fn followed(&mut self, now: Reading) {
        self.calls.count_look();
        match self.lease.stop() {
            _ if self.permits(now) => self.start.settle(Ok(())),
            Some(stop) => {
                let (code, detail) = (stop.code.clone(), stop.detail.clone());
                self.start.settle(Err(StartError::Refused { code, detail, contact: None }));
            }
            None => {}
        }
    }

    fn judge(&mut self, handover: Handover, now: Reading) -> Result<(), String> {
        let held = (self.keys.stored().keyset.as_deref(), self.lease.jws());
        let same = held == (Some(&handover.keyset), Some(&handover.lease));
        if same && handover.refusal.as_ref() == self.stop_statement() {
            return Ok(());
        }
        let not = |invalid: Invalid| format!("what it hands over does not count: {invalid}");
        self.trust(std::iter::once(handover.keyset.as_str()), now).map_err(not)?;
        let Some(keyset) = self.keys.trusted().cloned() else { return Err(not(Invalid::UnknownRoot)) };
        let aud = Some(self.settings.product.as_str());
        // The lease's own times are judged with every verdict.
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
        if lease.epoch > self.lease.epoch() {
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

    /// Whether the refusal that came with a lease stops the client. A refusal of another activation proves nothing.
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
        let held = self.lease.lease().unwrap_or(lease);
        // Times are whole seconds: within the same one, the higher revision is later.
        let same_second = refusal.epoch == held.epoch && refusal.iat == held.iat;
        let after = same_second && refusal.rev.is_none_or(|rev| rev >= held.rev);
        // The holder has judged whether its slot is lost, since that answers a request of its own.
        let stops = refusal.code.stops() || refusal.act.is_some() && refusal.takes_slot_of(lease);
        if refusal.sub.is_none() || !stops || !(after || refusal.outdates(held)) {
            return Ok(false);
        }
        self.time.at_least(refusal.iat, now);
        let known = self.lease.stop().is_some_and(|stop| {
            stop.outdates(refusal.iat, refusal.epoch, refusal.rev) || *stop == Stop::of(&refusal, statement)
        });
        if !known {
            self.lease.set_refusal(LastRefusal::of_push(&refusal));
            self.stop(&refusal, statement);
        }
        Ok(true)
    }

    fn handed_lease(&mut self, lease: Lease, handover: Handover) -> Result<(), String> {
        if self.lease.jws() == Some(&handover.lease) && self.lease.stop().is_none() {
            return Ok(());
        }
        let (epoch, rev) = (self.lease.epoch(), self.lease.rev());
        // The revisions of another license say nothing about those of this one.
        let held = self.lease.lease().filter(|held| held.sub == lease.sub);
        let same_epoch = lease.epoch == epoch;
        let outdated = held.is_some_and(|held| {
            lease.epoch < epoch || same_epoch && (lease.iat < held.iat || lease.rev < rev)
        });
        // Times are whole seconds: within the same one, only a higher revision is later than the stop.
        let undone = self.lease.stop().is_none_or(|stop| {
            lease.epoch > stop.epoch
                || lease.epoch == stop.epoch && (lease.iat > stop.iat || Some(lease.rev) > stop.rev)
        });
        if outdated || !undone {
            return Err("what it hands over is older than what is known".to_owned());
        }
        if self.lease.lease().is_none_or(|held| lease.iat > held.iat) {
            // The new lease shows that the holder is in contact.
            self.time.reassured();
        }
        self.lease.keep_catalogue(handover.catalogue);
        self.adopt(lease, handover.lease);
        Ok(())
    }

    fn stop_statement(&self) -> Option<&String> {
        self.lease.stop()?.statement.as_ref()
    }

    /// Returns the statements that another node may run on; `None` before the first lease.
    pub(crate) fn handover(&self) -> Option<Handover> {
        Some(Handover {
            keyset: self.keys.stored().keyset.clone()?,
            lease: self.lease.jws()?.to_owned(),
            refusal: self.stop_statement().cloned(),
            catalogue: self.lease.catalogue().map(str::to_owned),
        })
    }
}
