//! Leases and refusals that came, and whether they count.

use std::{sync::Arc, time::Duration};

use kaching_api::Problem;
use kaching_base::{ErrorCode, Seconds, Timestamp};
use kaching_license::{Expected, Invalid, Lease, Moment, Refusal, RefusalCode};

use super::{Ask, Engine, LastRefusal, Pending, Request, catalogue, record::Stop};
use crate::{
    clock::{Reading, until},
    grant::Grant,
    random::Draw,
    start_error::StartError,
};

/// An answer to bytes that were sent before may seem as much older than it is: clocks drift, and answers take their time.
const HELD_BACK: Seconds = Seconds(60);

impl Engine {
    fn expected(&self, request: &Request) -> Expected<'_> {
        // A new activation may be of another license and name another activation than the last one.
        let known = self.lease().filter(|_| request.ask != Ask::Activate);
        Expected {
            aud: Some(self.settings.product.as_str()),
            sub: known.map(|lease| lease.sub),
            act: self.credential.as_ref().map(|credential| credential.activation),
            fpr: Some(self.settings.fingerprint.hash()),
            req: Some(request.hash),
        }
    }

    /// Judges a lease that answers a request; whether the request is answered by it.
    pub(super) fn lease_came(&mut self, request: &Request, jws: String, now: Reading, draw: &Draw) -> bool {
        let Some(keyset) = &self.keyset else { return false };
        let lease = match keyset.verify_lease(&jws, &self.expected(request), Moment::Answer) {
            Ok(lease) => lease,
            Err(invalid) => {
                self.does_not_verify(request, &invalid, now, draw);
                return false;
            }
        };
        let current = keyset.keyset().version >= lease.ks;
        if self.late(request, lease.iat, now) {
            return true;
        }
        if self.outdated(request, &lease) {
            tracing::info!(iat = %lease.iat, rev = lease.rev, "a lease older than what is known does not count");
            self.unanswered(request, "its answer is older than what is known".to_owned(), None, now, draw);
            return true;
        }
        self.sets_time(request, lease.iat, now);
        if current {
            self.take(lease, jws, request.sent, now, draw);
        } else {
            // Before the next yes comes the keyset that the lease names.
            let (activates, asked, exp) = (request.ask == Ask::Activate, request.sent, lease.exp);
            self.pending = Some(Pending { jws, request: request.hash, activates, asked, exp });
            self.pace.keyset.wanted = true;
            self.pace.keyset.anew();
            self.reached(now);
        }
        if !self.time.is_set() {
            self.pace.heartbeat = now.boot + self.settings.timing.pause;
        }
        true
    }

    /// Whether an answer may have been held back: bytes that were sent more than once have more than one answer, and the
    /// client would go back to the time of the oldest. The next heartbeat, whose bytes are new, asks for a fresh one.
    fn late(&mut self, request: &Request, iat: Timestamp, now: Reading) -> bool {
        let late = request.again && self.grant.is_some() && iat < self.now(now) - HELD_BACK;
        if late {
            tracing::info!(%iat, call = ?request.ask, "an answer to an earlier attempt does not count");
            self.pace.heartbeat = now.boot;
        }
        late
    }

    /// Takes the time of a statement that answers a request. The answer to bytes that were sent before may be that much
    /// older than it seems: it sets no time back.
    fn sets_time(&mut self, request: &Request, iat: Timestamp, now: Reading) {
        if !request.again || iat >= self.now(now) {
            self.time.fresh(iat, now);
        }
    }

    fn does_not_verify(&mut self, request: &Request, invalid: &Invalid, now: Reading, draw: &Draw) {
        // One of these is what a client meets whose keyset is of before a change: of keys, of the issuer, of the clock.
        let newer = matches!(
            invalid,
            Invalid::UnknownKey | Invalid::KeysetExpired | Invalid::Issuer | Invalid::KeyTime
        );
        if newer {
            self.pace.keyset.wanted = true;
            // The authority answers again, however long it did not: new keys, which come once a minute at most, may show
            // what it says.
            if self.pace.keyset.due(self.settings.timing.refetch).is_some_and(|due| due <= now.boot) {
                self.pace.reached(now.boot);
            }
        }
        self.unanswered(request, format!("its answer does not count: {invalid}"), None, now, draw);
    }

    /// Whether a lease tells less than what is known: of an earlier epoch or revision, or from before a stop.
    fn outdated(&self, request: &Request, lease: &Lease) -> bool {
        let known = &self.record;
        let earlier = lease.epoch < known.epoch || (lease.epoch == known.epoch && lease.rev < known.rev);
        let stopped = known.stop.as_ref().is_some_and(|stop| {
            // Times are whole seconds: within the same one, only an answer to a later question is later.
            let since = request.stops < self.stops && lease.epoch <= stop.epoch && lease.iat <= stop.iat;
            since || stop.outdates(lease.iat, lease.epoch, Some(lease.rev))
        });
        let another_license = self.lease().is_some_and(|held| held.sub != lease.sub);
        stopped || (earlier && !another_license)
    }

    /// The lease that waited for its keyset, judged again with it.
    pub(super) fn resume_pending(&mut self, now: Reading, draw: &Draw) {
        let Some(pending) = self.pending.take() else { return };
        let Some(keyset) = &self.keyset else { return };
        let known = self.lease().filter(|_| !pending.activates);
        let expected = Expected {
            aud: Some(self.settings.product.as_str()),
            sub: known.map(|lease| lease.sub),
            act: self.credential.as_ref().map(|credential| credential.activation),
            fpr: Some(self.settings.fingerprint.hash()),
            req: Some(pending.request),
        };
        match keyset.verify_lease(&pending.jws, &expected, Moment::Answer) {
            // A stop that came meanwhile has dropped it; past its end it counts as no contact.
            Ok(lease) if self.now(now) < lease.exp => {
                if keyset.keyset().version < lease.ks {
                    self.pace.keyset.wanted = true;
                    self.pending = Some(pending);
                    return;
                }
                self.take(lease, pending.jws, pending.asked, now, draw);
            }
            Ok(_) => {}
            Err(invalid) => tracing::warn!(%invalid, "a lease does not verify with the newest keyset"),
        }
        // Whatever became of it, a heartbeat brings the next.
        if self.grant.is_none() {
            self.pace.heartbeat = now.boot;
        }
    }

    /// A lease whose keyset did not come within its life counts as no contact, and heartbeats go on.
    pub(super) fn drop_pending(&mut self, now: Reading) {
        let time = self.now(now);
        if self.pending.take_if(|pending| pending.exp <= time).is_some() {
            self.lost("it does not give the keys that its answers name".to_owned());
            self.pace.heartbeat = self.pace.heartbeat.min(now.boot);
        }
    }

    /// Takes a lease that counts, and was asked for at this time.
    pub(super) fn take(&mut self, lease: Lease, jws: String, asked: Duration, now: Reading, draw: &Draw) {
        self.reached(now);
        // Half the lease is the longest wait, whatever the jitter.
        let longest = until(lease.iat, lease.exp) / 2;
        self.pace.heartbeat = now.boot + draw.jitter(Duration::from_secs(lease.hb)).min(longest);
        let held = self.record.catalogue.as_deref().is_some_and(|body| catalogue(body, lease.cat).is_some());
        if !held && !self.pace.catalogue.wanted {
            self.pace.catalogue.wanted = true;
            self.pace.catalogue.anew();
        }
        let (epoch, rev) = (lease.epoch, lease.rev);
        self.adopt(lease, jws);
        self.answers_hint(asked, epoch, Some(rev));
    }

    /// Runs on a lease from now on.
    pub(super) fn adopt(&mut self, lease: Lease, jws: String) {
        self.record.epoch = lease.epoch;
        self.record.rev = lease.rev;
        // What was seen without a signature, or before a restore, ends with what is signed.
        (self.seen_epoch, self.seen_rev) = (lease.epoch, lease.rev);
        if self.record.stop.take().is_some() {
            tracing::info!(rev = lease.rev, "the license runs again");
        }
        self.refusal = None;
        let held = self.record.catalogue.as_deref().and_then(|body| catalogue(body, lease.cat));
        // Until the new one is here, the old catalogue still names what it names.
        let shown = held.or_else(|| self.grant.as_ref()?.catalogue.clone());
        self.grant = Some(Arc::new(Grant { lease, catalogue: shown }));
        self.record.lease = Some(jws);
        self.record.before = None;
        self.dirty = true;
        self.settle_start(Ok(()));
    }

    /// Judges a refusal that answers a request.
    pub(super) fn refusal_came(
        &mut self,
        request: &Request,
        statement: &str,
        problem: &Problem,
        now: Reading,
        draw: &Draw,
    ) {
        let Some(keyset) = &self.keyset else {
            let why = "it refuses before it has given its keys".to_owned();
            return self.unanswered(request, why, None, now, draw);
        };
        let refusal = match keyset.verify_refusal(statement, &self.expected(request), Moment::Answer) {
            Ok(refusal) => refusal,
            Err(invalid) => return self.does_not_verify(request, &invalid, now, draw),
        };
        let late = self.late(request, refusal.iat, now);
        match request.ask {
            Ask::Heartbeat => self.heartbeat_answered(request, now, draw),
            Ask::Activate => {
                self.record.activating = None;
                self.dirty = true;
            }
            _ => {}
        }
        if late {
            return;
        }
        self.reached(now);
        self.sets_time(request, refusal.iat, now);
        self.refusal = Some(LastRefusal::of_answer(&refusal, problem));
        let code = refusal.code.clone();
        let stops = code.stops() || self.lost_slot(&refusal);
        if stops {
            self.stop(&refusal, statement);
        }
        self.beat_later(now, draw);
        if request.ask == Ask::Activate {
            self.activation_refused(&refusal, stops, now);
        }
        self.answers_hint(request.sent, refusal.epoch, refusal.rev);
        let error = StartError::of_refusal(&code, &refusal.detail, problem);
        if code.stops() && !self.permits(now) {
            self.start_refused(error, request, now);
        } else {
            self.start_failed(error, now);
        }
    }

    /// Whether a refusal that answers this installation's own request says that others have the slot of the lease that
    /// it holds. After a restore of the authority it does not: what the authority has forgotten stops nobody.
    fn lost_slot(&self, refusal: &Refusal) -> bool {
        let Some(lease) = self.lease() else { return false };
        refusal.takes_slot_of(lease)
            && match refusal.code {
                // Whoever asks for another one's slot, and may not have it, can still have its own.
                RefusalCode::Known(ErrorCode::MovesExhausted) => self.is_displaced_since(lease.iat),
                _ => true,
            }
    }

    /// Whether the credential was found displaced after that time.
    fn is_displaced_since(&self, time: Timestamp) -> bool {
        self.credential.is_none() || self.record.displaced.last().is_some_and(|at| *at >= time)
    }

    /// What an installation that holds a lease does after its activation was refused.
    fn activation_refused(&mut self, refusal: &Refusal, stops: bool, now: Reading) {
        if self.credential.is_none() {
            return;
        }
        if self.record.stop.as_ref().is_some_and(Stop::ends_activation) && stops {
            // It asks with its credential from now on, and never takes by itself what was taken from it.
            self.pace.activation.wanted = false;
        } else if !stops && refusal.code == ErrorCode::MovesExhausted.into() && self.record.stop.is_none() {
            // It goes on as it was, if its own slot is still its own: the next heartbeat tells.
            self.settings.takeover = None;
            self.pace.activation.wanted = false;
            self.pace.heartbeat = now.boot;
        }
    }

    /// A refused start that only a new activation of the same installation can change tries that once.
    fn start_refused(&mut self, error: StartError, request: &Request, now: Reading) {
        let ended = self.record.stop.as_ref().is_some_and(Stop::ends_activation);
        let superseded =
            matches!(&self.record.stop, Some(stop) if stop.code.as_str() == "activation_superseded");
        if self.starting && request.ask == Ask::Heartbeat && ended && !superseded {
            self.pace.activation.wanted = true;
            self.pace.activation.anew();
            return;
        }
        self.start_failed(error, now);
    }

    /// Judges a refusal that came without being asked for; whether it stopped the client.
    pub(super) fn pushed(&mut self, statement: &str, now: Reading) -> bool {
        let (Some(keyset), Some(grant)) = (&self.keyset, &self.grant) else { return false };
        let refusal = match keyset.verify_pushed(statement, &grant.lease, self.now(now)) {
            Ok(refusal) => refusal,
            Err(Invalid::Outdated) => return false,
            Err(invalid) => {
                tracing::warn!(%invalid, "a pushed refusal does not count");
                if invalid == Invalid::UnknownKey {
                    self.pace.keyset.wanted = true;
                }
                // The heartbeat asks for an answer that cannot be mistaken.
                self.pace.heartbeat = self.pace.heartbeat.min(now.boot + self.settings.timing.pause);
                return false;
            }
        };
        let known = self.record.stop.as_ref().is_some_and(|stop| {
            stop.outdates(refusal.iat, refusal.epoch, refusal.rev)
                || stop.rev == refusal.rev && stop.code == refusal.code
        });
        if known || !refusal.code.stops() {
            return false;
        }
        self.refusal = Some(LastRefusal::of_push(&refusal));
        self.stop(&refusal, statement);
        let (low, high) = self.settings.timing.refused;
        self.pace.heartbeat = now.boot + (low + high) / 2;
        true
    }

    pub(super) fn stop(&mut self, refusal: &Refusal, statement: &str) {
        let stop = Stop::of(refusal, statement);
        tracing::warn!(code = %stop.code, detail = stop.detail, "the license authority refuses");
        if refusal.epoch > self.record.epoch {
            // Revisions of another epoch say nothing about those of this one.
            (self.record.epoch, self.record.rev) = (refusal.epoch, 0);
            (self.seen_epoch, self.seen_rev) = (refusal.epoch, 0);
        }
        if let Some(rev) = refusal.rev.filter(|_| refusal.epoch == self.record.epoch) {
            self.record.rev = self.record.rev.max(rev);
        }
        self.pending = None;
        self.record.stop = Some(stop);
        self.stops += 1;
        self.dirty = true;
    }

    /// A refused client asks again, so that reinstating needs no restart.
    pub(super) fn beat_later(&mut self, now: Reading, draw: &Draw) {
        let (low, high) = self.settings.timing.refused;
        self.pace.heartbeat = now.boot + draw.between(low, high);
    }
}
