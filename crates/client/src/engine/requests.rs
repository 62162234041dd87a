//! The calls, as their bytes are sent.

use std::time::Duration;

use kaching_api::{ActivateRequest, DeactivateRequest, HeartbeatRequest, ReportRequest, SecretText};
use kaching_base::{ActivationId, Secret};
use kaching_license::{Digest, request_hash};

use super::{CallKind, Engine, Request, change_transport::TransportKind, request::json, stream::Stream};
use crate::{Fingerprint, LicenseKey, clock::Reading, journal::Report, random::Draw, transport::Call};

impl Engine {
    /// Returns the next call that is due. One is made at a time: it is answered before the next is asked for.
    pub(crate) fn next_call(&mut self, now: Reading, draw: &Draw) -> Option<Request> {
        if !self.sends() || self.calls.is_in_flight() || self.calls.is_quiet(now.boot) {
            return None;
        }
        self.drop_pending(now);
        let due = |at: Option<Duration>| at.is_some_and(|at| at <= now.boot);
        let request = if due(self.keys.due(self.settings.timing.refetch_interval)) {
            self.keys.fetch_sent(now.boot);
            self.get(CallKind::Keyset, "/.well-known/kaching".to_owned(), None, now)
        } else if due(self.trial_due()) {
            self.trial_request(now)?
        } else if due(self.activation_due()) {
            self.activation.sent(now.boot);
            let request = self.activation_request(now, draw)?;
            Request { number: self.calls.count_sent(false), ..request }
        } else if due(self.heartbeat_due()) {
            let request = self.heartbeat_request(now)?;
            Request { number: self.calls.count_sent(true), ..request }
        } else if due(self.report_due()) {
            self.report_request(now)?
        } else if due(self.lease.catalogue_due(&self.settings.timing)) {
            self.lease.catalogue_sent(now.boot);
            self.get(CallKind::Catalogue, "/v1/catalogue".to_owned(), self.bearer(), now)
        } else {
            return None;
        };
        self.calls.begin();
        Some(request)
    }

    /// Returns the next poll or stream for changes, if one is due. It runs in parallel with the calls, one at a time.
    pub(crate) fn next_poll(&mut self, now: Reading, draw: &Draw) -> Option<Request> {
        self.poll_due(now).filter(|due| *due <= now.boot)?;
        self.changes.begin();
        if self.changes.transport.kind() == TransportKind::Stream {
            return self.stream_request(now, draw);
        }
        let wait = self.changes.transport.poll_wait(&self.settings.timing);
        let (_, rev) = self.known_revision();
        let path = format!("/v1/changes?rev={rev}&wait={}", wait.as_secs());
        let mut request = self.get(CallKind::Poll, path, self.bearer(), now);
        request.call.timeout += wait;
        Some(request)
    }

    fn stream_request(&mut self, now: Reading, draw: &Draw) -> Option<Request> {
        let lease = self.lease.lease()?;
        // Streams that were opened together are not opened again together.
        let life = draw.jitter(self.settings.timing.stream_lifetime);
        self.changes.set_stream(Stream::new(lease, life, now));
        let mut request = self.get(CallKind::Stream, "/v1/events".to_owned(), self.bearer(), now);
        request.call.timeout = self.settings.timing.first_event_timeout;
        Some(request)
    }

    /// Gives the slot back: the lease is forgotten immediately, and nothing more is asked for. Returns the call, where
    /// there is a slot.
    pub(crate) fn deactivate(&mut self, now: Reading, draw: &Draw) -> Option<Request> {
        self.deactivated = true;
        self.lease.forget_lease();
        let credential = self.activation.credential()?;
        let body = json(&DeactivateRequest { nonce: draw.nonce() });
        let (header, hash) = credential.authorize(0, "POST", "/v1/deactivate", &body);
        let header = Some(Secret::new(header));
        Some(self.post(CallKind::Deactivate, "/v1/deactivate", body, header, hash, now))
    }

    fn activation_request(&mut self, now: Reading, draw: &Draw) -> Option<Request> {
        let nonce = self.activation.activation_nonce(|| draw.nonce());
        let settings = &self.settings;
        let (license_key, takeover) = (settings.license_key.as_ref()?, settings.takeover);
        let (kind, fingerprint) = (CallKind::Activate, &settings.fingerprint);
        let request = self.activation_of(kind, license_key, fingerprint, takeover, nonce.nonce, now);
        Some(Request { again: nonce.again, ..request })
    }

    pub(super) fn activation_of(
        &self,
        kind: CallKind,
        license_key: &LicenseKey,
        fingerprint: &Fingerprint,
        takeover: Option<ActivationId>,
        nonce: String,
        now: Reading,
    ) -> Request {
        let (settings, levels) = (&self.settings, self.outbox.levels());
        let body = json(&ActivateRequest {
            license_key: Some(SecretText::new(license_key.expose().to_owned())),
            product: settings.product.clone(),
            fingerprint: fingerprint.value().to_owned(),
            kind: fingerprint.kind(),
            name: settings.name.clone(),
            version: settings.version.clone(),
            levels: (!levels.is_empty()).then(|| levels.clone()),
            takeover,
            nonce,
        });
        let hash = request_hash("POST", "/v1/activate", "", &body);
        self.post(kind, "/v1/activate", body, None, hash, now)
    }

    fn heartbeat_request(&mut self, now: Reading) -> Option<Request> {
        let next = self.activation.send_heartbeat()?;
        let usage = self.outbox.send_usage();
        let through = usage.last().map_or(0, |entry| entry.seq);
        let (levels, heard_ms) = (self.outbox.levels(), self.delay.to_send());
        let body = json(&HeartbeatRequest {
            nonce: next.nonce,
            fpr: self.settings.fingerprint.hash().to_string(),
            version: self.settings.version.clone(),
            health: self.outbox.health().cloned(),
            levels: (!levels.is_empty()).then(|| levels.clone()),
            usage,
            log: None,
            heard_ms,
        });
        let credential = self.activation.credential()?;
        let (header, hash) = credential.authorize(next.number, "POST", "/v1/heartbeat", &body);
        let header = Some(Secret::new(header));
        let request = self.post(CallKind::Heartbeat, "/v1/heartbeat", body, header, hash, now);
        Some(Request { usage: through, again: !next.unsent, heard_ms, ..request })
    }

    fn report_request(&self, now: Reading) -> Option<Request> {
        let Report { kind, detail, at, nonce } = self.outbox.reports().first()?.clone();
        let body = json(&ReportRequest { kind, detail, at, nonce });
        // Number 0: only heartbeats are numbered.
        let credential = self.activation.credential()?;
        let (header, hash) = credential.authorize(0, "POST", "/v1/reports", &body);
        Some(self.post(CallKind::Report, "/v1/reports", body, Some(Secret::new(header)), hash, now))
    }

    fn bearer(&self) -> Option<Secret<String>> {
        self.lease.jws().map(|lease| Secret::new(format!("Bearer {lease}")))
    }

    fn get(
        &self,
        kind: CallKind,
        path: String,
        authorization: Option<Secret<String>>,
        now: Reading,
    ) -> Request {
        let hash = request_hash("GET", &path, "", b"");
        let timeout = self.settings.timing.call_timeout;
        let call = Call { method: "GET", path, body: Vec::new(), authorization, timeout };
        Request::new(kind, call, hash, self.lease.stops(), now)
    }

    fn post(
        &self,
        kind: CallKind,
        path: &str,
        body: Vec<u8>,
        authorization: Option<Secret<String>>,
        hash: Digest,
        now: Reading,
    ) -> Request {
        let timeout = self.settings.timing.call_timeout;
        let call = Call { method: "POST", path: path.to_owned(), body, authorization, timeout };
        Request::new(kind, call, hash, self.lease.stops(), now)
    }
}
