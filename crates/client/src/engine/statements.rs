//! Leases and refusals of the authority, and whether they count.

use std::time::Duration;

use kaching_api::Problem;
use kaching_base::{ActivationId, ErrorCode, Seconds, Timestamp};
use kaching_license::{Digest, Expected, Invalid, Lease, Moment, Refusal, RefusalCode};

use super::{
    CallKind, Engine, Request,
    lease::PendingLease,
    refusal::{LastRefusal, Stop},
};
use crate::{
    clock::{Reading, until},
    random::Draw,
    start_error::StartError,
};

/// An answer to bytes that were sent before may seem as much older than it is: clocks drift, and answers take their time.
const HELD_BACK: Seconds = Seconds(60);

impl Engine {
    /// Returns what a statement has to name that answers the request of this hash.
    fn expected(&self, request: Digest, activates: bool, act: Option<ActivationId>) -> Expected<'_> {
        // A new activation may be of another license and name another activation than the last one.
        let known = self.lease.lease().filter(|_| !activates);
        Expected {
            aud: Some(self.settings.product.as_str()),
            sub: known.map(|lease| lease.sub),
            act,
            fpr: Some(self.settings.fingerprint.hash()),
            req: Some(request),
        }
    }

    /// Judges a lease of an activation that answers a request. Returns whether it settles the request.
    pub(super) fn lease_answered(
        &mut self,
        request: &Request,
        jws: String,
        act: Option<ActivationId>,
        now: Reading,
        draw: &Draw,
    ) -> bool {
        let Some(keyset) = self.keys.trusted() else { return false };
        let activates = request.kind == CallKind::Activate;
        let expected = self.expected(request.hash, activates, act);
        let lease = match keyset.verify_lease(&jws, &expected, Moment::Answer) {
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
        self.set_time(request, lease.iat, now);
        if current {
            self.take_lease(lease, jws, request.sent, now, draw);
        } else {
            // Before the next yes comes the keyset that the lease names.
            let (asked, exp) = (request.sent, lease.exp);
            self.lease.set_pending(PendingLease { jws, request: request.hash, activates, asked, exp });
            self.keys.want_now();
            self.reached(now);
        }
        if !self.time.is_set() {
            self.calls.heartbeat_at(now.boot + self.settings.timing.poll_pause);
        }
        true
    }

    /// Whether an answer may have been held back: bytes that were sent more than once have more than one answer, and the
    /// client would go back to the time of the oldest. Then the next heartbeat, whose bytes are new, is due now.
    fn late(&mut self, request: &Request, iat: Timestamp, now: Reading) -> bool {
        let late = self.lease.grant().is_some() && may_be_held_back(request.again, iat, self.now(now));
        if late {
            tracing::info!(%iat, call = ?request.kind, "an answer to an earlier attempt does not count");
            self.calls.heartbeat_at(now.boot);
        }
        late
    }

    /// Sets the time to that of a statement that answers a request. The answer to bytes that were sent before may be older
    /// than it seems: it sets no time back.
    fn set_time(&mut self, request: &Request, iat: Timestamp, now: Reading) {
        if sets_time(request.again, iat, self.now(now)) {
            self.time.fresh(iat, now);
        }
    }

    fn does_not_verify(&mut self, request: &Request, invalid: &Invalid, now: Reading, draw: &Draw) {
        // These happen to a client whose keyset is older than a change of keys, of the issuer or of the clock.
        let newer = matches!(
            invalid,
            Invalid::UnknownKey | Invalid::KeysetExpired | Invalid::Issuer | Invalid::KeyTime
        );
        if newer {
            self.keys.want();
            // The authority answers again: new keys, which are fetched once a minute at most, may verify its answer.
            if self.keys.due(self.settings.timing.refetch_interval).is_some_and(|due| due <= now.boot) {
                self.calls.end_backoff(now.boot);
            }
        }
        self.unanswered(request, format!("its answer does not count: {invalid}"), None, now, draw);
    }

    /// Whether a lease is older than what is known: of an earlier epoch or revision, or from before a stop.
    fn outdated(&self, request: &Request, lease: &Lease) -> bool {
        let (epoch, rev) = (self.lease.epoch(), self.lease.rev());
        let earlier = lease.epoch < epoch || (lease.epoch == epoch && lease.rev < rev);
        let stopped = self.lease.stop().is_some_and(|stop| {
            // Times are whole seconds: within the same one, only an answer to a later request is later.
            let since =
                request.stops < self.lease.stops() && lease.epoch <= stop.epoch && lease.iat <= stop.iat;
            since || stop.outdates(lease.iat, lease.epoch, Some(lease.rev))
        });
        let another_license = self.lease.lease().is_some_and(|held| held.sub != lease.sub);
        stopped || (earlier && !another_license)
    }

    /// Judges the lease that waited for its keyset again.
    pub(super) fn resume_pending(&mut self, now: Reading, draw: &Draw) {
        let Some(pending) = self.lease.take_pending() else { return };
        let Some(keyset) = self.keys.trusted() else { return };
        let expected = self.expected(pending.request, pending.activates, self.activation.id());
        match keyset.verify_lease(&pending.jws, &expected, Moment::Answer) {
            // A stop in the meantime has dropped it; after its end it counts as no contact.
            Ok(lease) if self.now(now) < lease.exp => {
                if keyset.keyset().version < lease.ks {
                    self.keys.want();
                    self.lease.set_pending(pending);
                    return;
                }
                self.take_lease(lease, pending.jws, pending.asked, now, draw);
            }
            Ok(_) => {}
            Err(invalid) => tracing::warn!(%invalid, "a lease does not verify with the newest keyset"),
        }
        // In any case a heartbeat brings the next.
        if self.lease.grant().is_none() {
            self.calls.heartbeat_at(now.boot);
        }
    }

    /// Drops a lease whose keyset did not arrive within its life: it counts as no contact, and heartbeats continue.
    pub(super) fn drop_pending(&mut self, now: Reading) {
        let time = self.now(now);
        if self.lease.pending().is_some_and(|pending| pending.exp <= time) {
            self.lease.take_pending();
            self.lost("it does not give the keys that its answers name".to_owned());
            self.calls.heartbeat_by(now.boot);
        }
    }

    /// Takes a lease that counts and was asked for at this time.
    pub(super) fn take_lease(
        &mut self,
        lease: Lease,
        jws: String,
        asked: Duration,
        now: Reading,
        draw: &Draw,
    ) {
        self.reached(now);
        // Half the lease is the longest wait, even with jitter.
        let longest = until(lease.iat, lease.exp) / 2;
        self.calls.heartbeat_at(now.boot + draw.jitter(Duration::from_secs(lease.hb)).min(longest));
        self.lease.want_catalogue(lease.cat);
        let (epoch, rev) = (lease.epoch, lease.rev);
        self.adopt(lease, jws);
        self.answer_hint(asked, epoch, Some(rev));
    }

    /// Runs on a lease from now on.
    pub(super) fn adopt(&mut self, lease: Lease, jws: String) {
        self.changes.reset_to(lease.epoch, lease.rev);
        self.lease.adopt(lease, jws);
        self.disk.forget_before();
        self.start.settle(Ok(()));
    }

    /// Judges a refusal that answers a request.
    pub(super) fn refusal_answered(
        &mut self,
        request: &Request,
        statement: &str,
        problem: &Problem,
        now: Reading,
        draw: &Draw,
    ) {
        let Some(keyset) = self.keys.trusted() else {
            let why = "it refuses before it has given its keys".to_owned();
            return self.unanswered(request, why, None, now, draw);
        };
        let activates = request.kind == CallKind::Activate;
        let expected = self.expected(request.hash, activates, self.activation.id());
        let refusal = match keyset.verify_refusal(statement, &expected, Moment::Answer) {
            Ok(refusal) => refusal,
            Err(invalid) => return self.does_not_verify(request, &invalid, now, draw),
        };
        let late = self.late(request, refusal.iat, now);
        match request.kind {
            CallKind::Heartbeat => self.heartbeat_answered(request, now, draw),
            CallKind::Activate => self.activation.drop_nonce(),
            _ => {}
        }
        if late {
            return;
        }
        self.reached(now);
        self.set_time(request, refusal.iat, now);
        self.lease.set_refusal(LastRefusal::of_answer(&refusal, problem));
        let code = refusal.code.clone();
        let stops = code.stops() || self.lost_slot(&refusal);
        if stops {
            self.stop(&refusal, statement);
        }
        self.heartbeat_later(now, draw);
        if activates {
            self.activation_refused(&refusal, stops, now);
        }
        self.answer_hint(request.sent, refusal.epoch, refusal.rev);
        let error = StartError::of_refusal(&code, &refusal.detail, problem);
        if code.stops() && !self.permits(now) {
            self.start_refused(error, request, now);
        } else {
            self.start_failed(error, now);
        }
    }

    /// Whether a refusal that answers this installation's own request means that other installations hold the slot of its
    /// lease. After a restore of the authority it does not: an activation that the authority has lost stops no client.
    fn lost_slot(&self, refusal: &Refusal) -> bool {
        let Some(lease) = self.lease.lease() else { return false };
        refusal.takes_slot_of(lease)
            && match refusal.code {
                // An installation that was refused another one's slot can still have its own.
                RefusalCode::Known(ErrorCode::MovesExhausted) => self.is_displaced_since(lease.iat),
                _ => true,
            }
    }

    /// Whether the credential was found displaced after that time.
    fn is_displaced_since(&self, time: Timestamp) -> bool {
        self.activation.id().is_none() || self.activation.displaced().last().is_some_and(|at| *at >= time)
    }

    /// Decides what an installation that holds a lease does after its activation was refused.
    fn activation_refused(&mut self, refusal: &Refusal, stops: bool, now: Reading) {
        if self.activation.id().is_none() {
            return;
        }
        if self.lease.stop().is_some_and(Stop::ends_activation) && stops {
            // It sends heartbeats with its credential, and never takes back a moved slot on its own.
            self.activation.want(false);
        } else if !stops && refusal.code == ErrorCode::MovesExhausted.into() && self.lease.stop().is_none() {
            // It keeps running if it still has its own slot, which the next heartbeat shows.
            self.settings.takeover = None;
            self.activation.want(false);
            self.calls.heartbeat_at(now.boot);
        }
    }

    /// Fails a refused start. Where a new activation of the same installation can change that, it is tried once.
    fn start_refused(&mut self, error: StartError, request: &Request, now: Reading) {
        let ended = self.lease.stop().is_some_and(Stop::ends_activation);
        let moved = self.lease.stop().is_some_and(Stop::is_move);
        if self.start.is_open() && request.kind == CallKind::Heartbeat && ended && !moved {
            self.activation.want_now();
            return;
        }
        self.start_failed(error, now);
    }

    /// Judges a refusal that the authority has pushed. Returns whether it stopped the client.
    pub(super) fn refusal_pushed(&mut self, statement: &str, now: Reading) -> bool {
        let (Some(keyset), Some(lease)) = (self.keys.trusted(), self.lease.lease()) else { return false };
        let refusal = match keyset.verify_pushed(statement, lease, self.now(now)) {
            Ok(refusal) => refusal,
            Err(Invalid::Outdated) => return false,
            Err(invalid) => {
                tracing::warn!(%invalid, "a pushed refusal does not count");
                if invalid == Invalid::UnknownKey {
                    self.keys.want();
                }
                // The answer to a heartbeat is for this installation alone, and settles it.
                self.calls.heartbeat_by(now.boot + self.settings.timing.poll_pause);
                return false;
            }
        };
        let known = self.lease.stop().is_some_and(|stop| {
            stop.outdates(refusal.iat, refusal.epoch, refusal.rev)
                || stop.rev == refusal.rev && stop.code == refusal.code
        });
        if known || !refusal.code.stops() {
            return false;
        }
        self.lease.set_refusal(LastRefusal::of_push(&refusal));
        self.stop(&refusal, statement);
        let (low, high) = self.settings.timing.refused_interval;
        self.calls.heartbeat_at(now.boot + (low + high) / 2);
        true
    }

    /// Stops on a refusal that counts.
    pub(super) fn stop(&mut self, refusal: &Refusal, statement: &str) {
        tracing::warn!(code = %refusal.code, detail = refusal.detail, "the license authority refuses");
        if refusal.epoch > self.lease.epoch() {
            self.changes.reset_to(refusal.epoch, 0);
        }
        self.lease.stop_on(refusal, statement);
    }

    /// Schedules the next heartbeat of a refused client, so that a reinstatement needs no restart.
    pub(super) fn heartbeat_later(&mut self, now: Reading, draw: &Draw) {
        let (low, high) = self.settings.timing.refused_interval;
        self.calls.heartbeat_at(now.boot + draw.between(low, high));
    }
}

/// Whether an answer of this time may have been held back; `again` says that its request was sent before.
fn may_be_held_back(again: bool, iat: Timestamp, time: Timestamp) -> bool {
    again && iat < time - HELD_BACK
}

/// Whether an answer that counts sets the time to its own.
fn sets_time(again: bool, iat: Timestamp, time: Timestamp) -> bool {
    !again || iat >= time
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vectors::of_rule;

    #[test]
    fn answers_count_and_set_the_time_as_the_vectors_say() {
        for case in of_rule("H9").into_iter().chain(of_rule("T1")) {
            let seconds = |member: &str| Timestamp::from_seconds(case[member].as_i64().unwrap());
            let (again, time, iat) = (case["resent"].as_bool().unwrap(), seconds("time"), seconds("iat"));
            let counts = !may_be_held_back(again, iat, time);
            assert_eq!(counts, case["counts"].as_bool().unwrap(), "{case}");
            let after = if counts && sets_time(again, iat, time) { iat } else { time };
            assert_eq!(after, seconds("time_after"), "{case}");
        }
    }
}
