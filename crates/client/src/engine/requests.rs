//! The calls, as their bytes are sent.

use std::time::Duration;

use kaching_api::{ActivateRequest, DeactivateRequest, HeartbeatRequest, SecretText};
use kaching_base::{ActivationId, Secret};
use kaching_license::{Digest, request_hash};
use serde::Serialize;

use super::{Ask, Engine, Request, hearing::Way, streaming::Stream};
use crate::{Fingerprint, LicenseKey, clock::Reading, random::Draw, transport::Call};

/// So many entries of usage go with one heartbeat; the rest goes with the next.
pub(super) const USAGE: usize = 64;

impl Engine {
    /// The next call that is due. One is made at a time: its answer is given back before the next is asked for.
    pub(crate) fn call(&mut self, now: Reading, draw: &Draw) -> Option<Request> {
        if !self.is_alive() || self.calling || now.boot < self.pace.quiet {
            return None;
        }
        self.drop_pending(now);
        let due = |at: Option<Duration>| at.is_some_and(|at| at <= now.boot);
        let request = if due(self.pace.keyset.due(self.settings.timing.refetch)) {
            self.pace.keyset.ask(now.boot);
            self.get(Ask::Keyset, "/.well-known/kaching".to_owned(), None, now)
        } else if due(self.candidate_due()) {
            self.try_candidate(now)?
        } else if due(self.activation_due()) {
            self.pace.activation.ask(now.boot);
            let request = self.activate(now, draw)?;
            self.turn(request)
        } else if due(self.heartbeat_due()) {
            let request = self.heartbeat(now)?;
            self.hurried = false;
            self.turn(request)
        } else if due(self.report_due()) {
            self.tell_report(now)?
        } else if due(self.catalogue_due()) {
            self.pace.catalogue.ask(now.boot);
            self.get(Ask::Catalogue, "/v1/catalogue".to_owned(), self.bearer(), now)
        } else {
            return None;
        };
        self.calling = true;
        Some(request)
    }

    fn turn(&mut self, request: Request) -> Request {
        self.turns += 1;
        Request { turn: self.turns, ..request }
    }

    /// The next question for changes, or stream of them, if one is due. It is asked beside the calls, one at a time.
    pub(crate) fn question(&mut self, now: Reading, draw: &Draw) -> Option<Request> {
        self.question_due(now).filter(|due| *due <= now.boot)?;
        self.asking = true;
        if self.pace.hearing.way() == Way::Stream {
            return self.stream(now, draw);
        }
        let wait = self.pace.hearing.question_waits(&self.settings.timing);
        let (_, rev) = self.known();
        let path = format!("/v1/changes?rev={rev}&wait={}", wait.as_secs());
        let mut request = self.get(Ask::Changes, path, self.bearer(), now);
        request.call.timeout += wait;
        Some(request)
    }

    fn stream(&mut self, now: Reading, draw: &Draw) -> Option<Request> {
        let lease = self.lease()?;
        // Not all of those that were started together come back together.
        let life = draw.jitter(self.settings.timing.stream_life);
        self.stream = Some(Stream::new(lease, life, now));
        let mut request = self.get(Ask::Events, "/v1/events".to_owned(), self.bearer(), now);
        request.call.timeout = self.settings.timing.first;
        Some(request)
    }

    /// Gives the slot back: the lease is forgotten at once, and nothing more is asked for.
    pub(crate) fn deactivation(&mut self, now: Reading, draw: &Draw) -> Option<Request> {
        self.ended = true;
        self.record.lease = None;
        self.grant = None;
        self.dirty = true;
        let credential = self.credential.as_ref()?;
        let body = json(&DeactivateRequest { nonce: draw.nonce() });
        let (header, hash) = credential.authorize(0, "POST", "/v1/deactivate", &body);
        Some(self.post(Ask::Deactivate, "/v1/deactivate", body, Some(Secret::new(header)), hash, now))
    }

    fn activate(&mut self, now: Reading, draw: &Draw) -> Option<Request> {
        let nonce = self.record.activating.clone().unwrap_or_else(|| draw.nonce());
        let again = self.record.activating.is_some();
        if !again {
            self.record.activating = Some(nonce.clone());
            self.dirty = true;
        }
        let settings = &self.settings;
        let (license_key, takeover) = (settings.license_key.as_ref()?, settings.takeover);
        let fingerprint = &settings.fingerprint;
        let request = self.activation_of(Ask::Activate, license_key, fingerprint, takeover, nonce, now);
        Some(Request { again, ..request })
    }

    pub(super) fn activation_of(
        &self,
        ask: Ask,
        license_key: &LicenseKey,
        fingerprint: &Fingerprint,
        takeover: Option<ActivationId>,
        nonce: String,
        now: Reading,
    ) -> Request {
        let Self { settings, record, .. } = self;
        let body = json(&ActivateRequest {
            license_key: Some(SecretText::new(license_key.expose().to_owned())),
            product: settings.product.clone(),
            fingerprint: fingerprint.value().to_owned(),
            kind: fingerprint.kind(),
            name: settings.name.clone(),
            version: settings.version.clone(),
            levels: (!record.levels.is_empty()).then(|| record.levels.clone()),
            takeover,
            nonce,
        });
        let hash = request_hash("POST", "/v1/activate", "", &body);
        self.post(ask, "/v1/activate", body, None, hash, now)
    }

    fn heartbeat(&mut self, now: Reading) -> Option<Request> {
        let beat = self.record.beat.as_mut()?;
        let again = !std::mem::take(&mut beat.unsent);
        let (number, nonce) = (beat.number, beat.nonce.clone());
        let usage: Vec<_> = self.record.usage.iter().take(USAGE).cloned().collect();
        let through = usage.last().map_or(0, |entry| entry.seq);
        if through > self.record.usage_sent {
            self.record.usage_sent = through;
            self.dirty = true;
        }
        let (levels, heard_ms) = (&self.record.levels, self.heard_ms);
        let body = json(&HeartbeatRequest {
            nonce,
            fpr: self.settings.fingerprint.hash().to_string(),
            version: self.settings.version.clone(),
            health: self.health.clone(),
            levels: (!levels.is_empty()).then(|| levels.clone()),
            usage,
            log: None,
            heard_ms,
        });
        let (header, hash) = self.credential.as_ref()?.authorize(number, "POST", "/v1/heartbeat", &body);
        let request = self.post(Ask::Heartbeat, "/v1/heartbeat", body, Some(Secret::new(header)), hash, now);
        Some(Request { usage: through, again, heard_ms, ..request })
    }

    fn bearer(&self) -> Option<Secret<String>> {
        self.record.lease.as_ref().map(|lease| Secret::new(format!("Bearer {lease}")))
    }

    fn get(&self, ask: Ask, path: String, authorization: Option<Secret<String>>, now: Reading) -> Request {
        let hash = request_hash("GET", &path, "", b"");
        let timeout = self.settings.timing.call;
        let call = Call { method: "GET", path, body: Vec::new(), authorization, timeout };
        self.request(ask, call, hash, now)
    }

    pub(super) fn post(
        &self,
        ask: Ask,
        path: &str,
        body: Vec<u8>,
        authorization: Option<Secret<String>>,
        hash: Digest,
        now: Reading,
    ) -> Request {
        let timeout = self.settings.timing.call;
        let call = Call { method: "POST", path: path.to_owned(), body, authorization, timeout };
        self.request(ask, call, hash, now)
    }

    fn request(&self, ask: Ask, call: Call, hash: Digest, now: Reading) -> Request {
        Request {
            ask,
            call,
            hash,
            stops: self.stops,
            sent: now.boot,
            usage: 0,
            turn: 0,
            again: false,
            heard_ms: None,
        }
    }
}

pub(super) fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("requests have text for keys and nothing that fails")
}
