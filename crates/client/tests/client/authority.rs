//! A small authority with one license, which a test controls.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::TcpListener,
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use kaching_base::{
    ActivationId, Code, ErrorCode, LicenseId, LicenseType, Limits, Mode, Seconds, Secret, Timestamp,
};
use kaching_client::simulation::Carried;
use kaching_license::{
    Authorization, Credential, Digest, Ed25519Signer, Grace, Jwk, KeyPurpose, Keyset, Lease, Refusal,
    RefusalCode, RootKey, Sign as _, Validation, ValidationCode, encode, request_hash,
};
use serde_json::{Value, json};

use crate::{
    http::{Answer, Request, serve},
    simulated,
    world::{DEADLINE, KEY, MovedClock},
};

pub(crate) struct Authority {
    /// The address that it listens on, where its clients have threads.
    address: Option<String>,
    pub(crate) shared: Arc<(Mutex<Desk>, Condvar)>,
    closed: Arc<AtomicBool>,
}

/// How much time has passed at the authority.
pub(crate) enum AuthorityClock {
    Real(Instant),
    /// Of the test.
    Simulated(Arc<MovedClock>),
}

impl AuthorityClock {
    fn elapsed(&self) -> Duration {
        match self {
            Self::Real(began) => began.elapsed(),
            Self::Simulated(clock) => clock.passed(),
        }
    }
}

/// Everything that a test may read or change.
pub(crate) struct Desk {
    pub(crate) issuer: String,
    time: AuthorityClock,
    pub(crate) root: Ed25519Signer,
    license: [u8; 16],
    pub(crate) signer: Ed25519Signer,
    pub(crate) keyset_version: u64,
    pub(crate) lease_ks: Option<u64>,
    pub(crate) epoch: u64,
    pub(crate) rev: u64,
    /// By how many seconds its clock runs ahead.
    pub(crate) ahead: i64,
    pub(crate) refuse: Option<ErrorCode>,
    /// The license's key, and the fingerprint that it was activated for last.
    pub(crate) key: String,
    pub(crate) fingerprint: String,
    pub(crate) plan: &'static str,
    /// Limits of the license besides its nodes, as the command line takes them.
    pub(crate) limits: Vec<(&'static str, &'static str)>,
    /// The license's slots, where it limits them.
    pub(crate) slots: Option<u64>,
    pub(crate) mode: Mode,
    pub(crate) hb: u64,
    pub(crate) faults: Vec<(&'static str, Fault)>,
    pub(crate) down: bool,
    pub(crate) generation: u64,
    /// The nonce of the last activation: the same one again is a repeat.
    activated_by: Value,
    /// The bodies of activations that were granted.
    pub(crate) activations: Vec<Value>,
    pub(crate) beats: Vec<Beat>,
    pub(crate) reports: Vec<Value>,
    pub(crate) seen: Vec<String>,
    /// Signed refusals that were answered.
    pub(crate) refusals: usize,
    /// Whether there are streams of changes here.
    pub(crate) events: bool,
    /// The quotas in the answers to activations and heartbeats.
    pub(crate) quotas: Value,
    /// Within how many milliseconds a change asks for a heartbeat.
    pub(crate) within_ms: u64,
    /// How often all open streams were cut.
    pub(crate) cuts: u64,
    /// The longest wait for an event of a stream.
    ping: Duration,
    /// Streams that have begun with the present state.
    pub(crate) begun: usize,
    /// Streams that the client has closed.
    pub(crate) closed: usize,
    /// Whether it accepts the delay of a change in a heartbeat, and how often it did not.
    pub(crate) takes_heard: bool,
    pub(crate) not_heard: usize,
}

/// A heartbeat as it came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Beat {
    pub(crate) number: u64,
    pub(crate) body: Value,
}

/// A fault of the next request of a path, in place of its answer.
#[derive(Clone)]
pub(crate) enum Fault {
    /// It is served, and its answer is lost.
    LoseAnswer,
    /// Another answer: unsigned, or from somebody else.
    Say(u16, String),
    /// Another stream, which ends.
    Stream(String),
    /// Another stream, of which no more comes.
    Hold(String),
}

/// The time between two pings.
pub(crate) const PING: Duration = Duration::from_millis(50);

const ACTIVATION: [u8; 16] = [7; 16];
const LICENSE: [u8; 16] = [8; 16];

impl Authority {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let shared = Self::shared(format!("http://{address}"), AuthorityClock::Real(Instant::now()));
        let closed = Arc::new(AtomicBool::new(false));
        let (desk, ends) = (Arc::clone(&shared), Arc::clone(&closed));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if ends.load(Ordering::SeqCst) {
                    return;
                }
                let desk = Arc::clone(&desk);
                thread::spawn(move || serve(stream, |request| answer(&desk, request)));
            }
        });
        Self { address: Some(address), shared, closed }
    }

    /// An authority without threads, whose requests a test carries.
    pub(crate) fn simulated(clock: Arc<MovedClock>) -> Self {
        let shared = Self::shared("http://127.0.0.1:1".to_owned(), AuthorityClock::Simulated(clock));
        shared.0.lock().unwrap().ping = Duration::ZERO;
        Self { address: None, shared, closed: Arc::default() }
    }

    fn shared(issuer: String, clock: AuthorityClock) -> Arc<(Mutex<Desk>, Condvar)> {
        Arc::new((Mutex::new(Desk::new(issuer, clock)), Condvar::new()))
    }

    pub(crate) fn url(&self) -> String {
        self.desk().issuer.clone()
    }

    /// Serves a connection that came another way than to its own port.
    pub(crate) fn serve(&self, stream: impl Read + Write + Send + 'static) {
        let desk = Arc::clone(&self.shared);
        thread::spawn(move || serve(stream, |request| answer(&desk, request)));
    }

    /// Answers a request that a test carries.
    pub(crate) fn answer(&self, sent: &Carried<'_>) -> (u16, Vec<u8>) {
        match answer(&self.shared, Request::carried(sent)) {
            Answer::Whole(status, body) => (status, body.into_bytes()),
            _ => panic!("{} {} has no whole answer", sent.method(), sent.path()),
        }
    }

    pub(crate) fn root(&self) -> String {
        self.desk().root_key().to_string()
    }

    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.shared.0.lock().unwrap()
    }

    /// Changes something, and lets waiting questions look again.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut Desk) -> T) -> T {
        let changed = change(&mut self.desk());
        self.shared.1.notify_all();
        changed
    }

    /// Cuts all streams that are open, after this change.
    pub(crate) fn cut_streams(&self, change: impl FnOnce(&mut Desk)) {
        self.change(|desk| {
            change(desk);
            desk.cuts += 1;
        });
    }

    /// Raises the revision with a change of the license.
    pub(crate) fn suspend(&self, code: Option<ErrorCode>) {
        self.change(|desk| {
            desk.refuse = code;
            desk.rev += 1;
        });
    }

    /// Waits until something holds.
    pub(crate) fn until<T>(&self, found: impl Fn(&Desk) -> Option<T>) -> T {
        if self.address.is_none() {
            return simulated::until("it did not happen", || found(&self.desk()));
        }
        let (mut desk, end) = (self.desk(), Instant::now() + DEADLINE);
        loop {
            if let Some(found) = found(&desk) {
                return found;
            }
            let last = &desk.seen[desk.seen.len().saturating_sub(10)..];
            assert!(Instant::now() < end, "it did not happen; the last requests were {last:?}");
            desk = self.shared.1.wait_timeout(desk, Duration::from_millis(200)).unwrap().0;
        }
    }
}

impl Drop for Authority {
    fn drop(&mut self) {
        self.closed.store(true, Ordering::SeqCst);
        if let Some(address) = &self.address {
            let _ = std::net::TcpStream::connect(address);
        }
    }
}

impl Desk {
    fn new(issuer: String, clock: AuthorityClock) -> Self {
        Self {
            issuer,
            time: clock,
            ping: PING,
            root: signer(1),
            license: LICENSE,
            signer: signer(2),
            keyset_version: 1,
            lease_ks: None,
            epoch: 1,
            rev: 1,
            ahead: 0,
            refuse: None,
            key: KEY.to_owned(),
            fingerprint: "cluster-1".to_owned(),
            plan: "community",
            limits: Vec::new(),
            slots: None,
            mode: Mode::Block,
            hb: 300,
            faults: Vec::new(),
            down: false,
            generation: 0,
            activated_by: Value::Null,
            activations: Vec::new(),
            beats: Vec::new(),
            reports: Vec::new(),
            seen: Vec::new(),
            refusals: 0,
            events: true,
            quotas: json!([]),
            within_ms: 0,
            cuts: 0,
            begun: 0,
            closed: 0,
            takes_heard: true,
            not_heard: 0,
        }
    }

    /// From now on its key is that of another license, whose revisions begin at 1.
    pub(crate) fn other_license(&mut self) {
        (self.license, self.rev) = ([9; 16], 1);
    }

    pub(crate) fn now(&self) -> Timestamp {
        let elapsed = i64::try_from(self.time.elapsed().as_secs()).unwrap();
        Timestamp::from_seconds(1_800_000_000 + elapsed + self.ahead)
    }

    pub(crate) fn root_key(&self) -> RootKey {
        let kaching_license::PublicKey::Ed25519(bytes) = self.root.public_key() else { unreachable!() };
        RootKey::from_bytes(*bytes).unwrap()
    }

    fn keyset(&self) -> String {
        let now = self.now();
        let key = Jwk {
            public: self.signer.public_key().clone(),
            purpose: KeyPurpose::Lease,
            nbf: now - Seconds(3600),
            exp: now + Seconds::days(90),
        };
        let keyset = Keyset {
            iss: self.issuer.clone(),
            version: self.keyset_version,
            epoch: self.epoch,
            iat: now,
            exp: now + Seconds::days(30),
            keys: vec![key],
        };
        encode(&keyset, &self.root).unwrap()
    }

    fn credential(&self) -> Credential {
        let key = Secret::new([9; 32]);
        Credential::derive(&key, ActivationId::from_bytes(ACTIVATION), self.generation)
    }

    fn lease(&self, req: Digest) -> String {
        let now = self.now();
        let code = |text: &str| text.parse::<Code>().unwrap();
        let mut limits = Limits::new();
        let nodes = if self.plan == "team" { 25 } else { 3 };
        limits.insert(code("nodes"), kaching_base::Limit::Level { max: Some(nodes) });
        if self.slots.is_some() {
            limits.insert(code("activations"), kaching_base::Limit::Slots { max: self.slots });
        }
        limits.extend(self.limits.iter().map(|(name, limit)| (code(name), limit.parse().unwrap())));
        let features: &[&str] =
            if self.plan == "team" { &["federation", "audit_export"] } else { &["audit_export"] };
        let lease = Lease {
            iss: self.issuer.clone(),
            aud: code("chorus"),
            iat: now,
            nbf: now - Seconds(60),
            exp: now + Seconds(900),
            ks: self.lease_ks.unwrap_or(self.keyset_version),
            jti: "jti".to_owned(),
            sub: LicenseId::from_bytes(self.license),
            act: ActivationId::from_bytes(ACTIVATION),
            fpr: Digest::of(&self.fingerprint),
            hb: self.hb,
            req,
            run_until: now + Seconds(900 + 259_200),
            epoch: self.epoch,
            rev: self.rev,
            plan: code(self.plan),
            r#type: LicenseType::Standard,
            features: features.iter().map(|feature| code(feature)).collect(),
            limits,
            lic_exp: Some(now + Seconds::days(365)),
            grace: Grace {
                offline_s: 259_200,
                expiry_s: 14 * 86_400,
                mode: self.mode,
                keep: [code("audit_export")].into(),
            },
            cat: Digest::of(catalogue()),
            log: None,
        };
        encode(&lease, &self.signer).unwrap()
    }

    /// Its clock, precisely.
    pub(crate) fn clock(&self) -> String {
        let elapsed = i64::try_from(self.time.elapsed().as_micros()).unwrap();
        Timestamp::from_micros(1_800_000_000_000_000 + elapsed).to_string()
    }

    /// The event of the present state: the first of a stream, or one after a change.
    pub(crate) fn event(&self, first: bool) -> String {
        let mut data = json!({"rev": self.rev, "epoch": self.epoch, "within_ms": self.within_ms});
        data[if first { "now" } else { "at" }] = json!(self.clock());
        if let Some(code) = self.refuse {
            data["refusal"] = json!(self.refusal(code, None));
        }
        format!("event: {}\ndata: {data}\n\n", if self.refuse.is_some() { "refusal" } else { "license" })
    }

    /// A pushed refusal, of this license and activation unless said otherwise.
    pub(crate) fn pushed(&self, code: ErrorCode, changed: impl FnOnce(&mut Refusal)) -> String {
        let mut refusal = self.unsigned(code, None);
        changed(&mut refusal);
        encode(&refusal, &self.signer).unwrap()
    }

    fn refusal(&self, code: ErrorCode, req: Option<Digest>) -> String {
        encode(&self.unsigned(code, req), &self.signer).unwrap()
    }

    fn unsigned(&self, code: ErrorCode, req: Option<Digest>) -> Refusal {
        let now = self.now();
        Refusal {
            iss: self.issuer.clone(),
            aud: (code != ErrorCode::ProductMismatch).then(|| "chorus".parse().unwrap()),
            iat: now,
            exp: now + Seconds(60),
            ks: self.keyset_version,
            sub: Some(LicenseId::from_bytes(self.license)),
            act: Some(ActivationId::from_bytes(ACTIVATION)),
            req,
            epoch: self.epoch,
            rev: Some(self.rev),
            code: RefusalCode::Known(code),
            detail: format!("It is {code}."),
        }
    }

    fn refused(&mut self, code: ErrorCode, req: Digest) -> Answer {
        self.refusals += 1;
        let mut problem = problem(code);
        problem["statement"] = json!(self.refusal(code, Some(req)));
        if code == ErrorCode::ActivationLimitReached {
            problem["holders"] = json!([{"id": ActivationId::from_bytes([6; 16]), "name": "us-1\u{202e}", "kind": "cluster",
                "since": "2026-11-22T00:00:00Z", "last_seen_at": "2026-11-22T01:00:00Z"}]);
        }
        Answer::Whole(403, problem.to_string())
    }

    fn activate(&mut self, request: &Request) -> Answer {
        let req = request_hash("POST", &request.path, "", &request.body);
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        if body["license_key"] != self.key.as_str() {
            return Answer::Whole(404, problem(ErrorCode::LicenseNotFound).to_string());
        }
        if let Some(code) = self.refuse {
            return self.refused(code, req);
        }
        if self.activated_by != body["nonce"] {
            self.activated_by = body["nonce"].clone();
            self.generation += 1;
        }
        self.fingerprint = body["fingerprint"].as_str().unwrap().to_owned();
        let activation = json!({"id": ActivationId::from_bytes(ACTIVATION), "license": LicenseId::from_bytes(self.license),
            "kind": body["kind"], "fingerprint": body["fingerprint"], "name": body["name"], "status": "active",
            "version": null, "activated_at": self.now(), "last_seen_at": self.now(), "lapses_at": self.now(),
            "address": null, "levels": {}});
        let answer = json!({"activation": activation, "lease": self.lease(req),
            "credential": self.credential().text().expose(), "quotas": self.quotas, "keyset": self.keyset()});
        self.activations.push(body);
        Answer::Whole(201, answer.to_string())
    }

    pub(crate) fn validate(&self, request: &Request) -> Answer {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let known = body["license_key"] == self.key.as_str();
        let refused = if known { self.refuse } else { Some(ErrorCode::LicenseNotFound) };
        let code = refused.map_or(ValidationCode::Valid, |code| ValidationCode::No(code.into()));
        let now = self.now();
        let validation = Validation {
            iss: self.issuer.clone(),
            aud: known.then(|| "chorus".parse().unwrap()),
            iat: now,
            exp: now + Seconds(60),
            ks: self.keyset_version,
            sub: known.then(|| LicenseId::from_bytes(self.license)),
            req: request_hash("POST", &request.path, "", &request.body),
            epoch: self.epoch,
            rev: known.then_some(self.rev),
            valid: refused.is_none(),
            code,
        };
        let answer = json!({"valid": validation.valid, "code": validation.code.as_str(), "license": null, "quotas": [],
            "detail": format!("It is {}.", validation.code), "statement": encode(&validation, &self.signer).unwrap()});
        Answer::Whole(200, answer.to_string())
    }

    /// Numbers as the protocol has them: last + 1 advances, last with the same nonce is a repeat.
    fn heartbeat(&mut self, request: &Request) -> Answer {
        let header = Authorization::parse(&request.authorization).unwrap();
        let req = header.request_hash("POST", &request.path, &request.body);
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        if !self.takes_heard && !body["heard_ms"].is_null() {
            self.not_heard += 1;
            return Answer::Whole(422, problem(ErrorCode::InvalidRequest).to_string());
        }
        let last =
            self.beats.last().map_or((0, Value::Null), |beat| (beat.number, beat.body["nonce"].clone()));
        let fits = header.verify(&self.credential().secret, &req) && header.generation == self.generation;
        let repeats = header.number == last.0 && body["nonce"] == last.1;
        if !fits || !(header.number == last.0 + 1 || repeats || header.number == 1) {
            return Answer::Whole(401, problem(ErrorCode::CredentialInvalid).to_string());
        }
        self.beats.push(Beat { number: header.number, body });
        match self.refuse {
            Some(code) => self.refused(code, req),
            None => Answer::Whole(200, json!({"lease": self.lease(req), "quotas": self.quotas}).to_string()),
        }
    }
}

fn signer(seed: u8) -> Ed25519Signer {
    Ed25519Signer::from_seed(&Secret::new([seed; 32])).unwrap()
}

/// Another signing key, as after a rotation.
pub(crate) fn other_signer() -> Ed25519Signer {
    let signer = signer(3);
    assert!(!signer.kid().is_empty());
    signer
}

pub(crate) fn problem(code: ErrorCode) -> Value {
    json!({"type": format!("urn:kaching:problem:{code}"), "title": "t", "status": 403,
        "detail": format!("It is {code}."), "code": code, "request_id": "req"})
}

fn catalogue() -> String {
    json!({"product": "chorus", "contact": {"url": null, "email": "sales@example.com"},
        "features": [
            {"code": "federation", "title": "Federation", "benefit": "Link clusters across regions"},
            {"code": "audit_export", "title": "Audit export", "benefit": "Prove what happened"}],
        "plans": [
            {"code": "community", "name": "Community", "rank": 1, "features": ["audit_export"],
             "limits": {"nodes": {"kind": "level", "max": 3}}},
            {"code": "enterprise", "name": "Enterprise", "rank": 3, "features": ["audit_export", "federation"],
             "limits": {"nodes": {"kind": "level", "max": null}, "services": {"kind": "level", "max": 9},
                "jobs": {"kind": "counter", "max": 1000, "per": "month"}}},
            {"code": "team", "name": "Team", "rank": 2, "features": ["audit_export", "federation"],
             "limits": {"nodes": {"kind": "level", "max": 25}}}]})
    .to_string()
}

pub(crate) fn answer(shared: &Arc<(Mutex<Desk>, Condvar)>, request: Request) -> Answer {
    let path = request.path.split('?').next().unwrap().to_owned();
    let mut desk = shared.0.lock().unwrap();
    desk.seen.push(format!("{} {}", request.method, request.path));
    shared.1.notify_all();
    if desk.down {
        return Answer::Nothing;
    }
    let fault = desk.faults.iter().position(|(of, _)| *of == path).map(|at| desk.faults.remove(at).1);
    match fault {
        Some(Fault::Say(status, body)) => return Answer::Whole(status, body),
        Some(Fault::Stream(text)) => {
            let mut once = Some(text);
            return Answer::Stream(Box::new(move || once.take()));
        }
        Some(Fault::Hold(text)) => {
            let shared = Arc::clone(shared);
            let closed = move || {
                shared.0.lock().unwrap().closed += 1;
                shared.1.notify_all();
            };
            return Answer::Held(text, Box::new(closed));
        }
        _ => {}
    }
    let answer = match path.as_str() {
        "/.well-known/kaching" => {
            let endpoints: BTreeMap<_, _> = [
                "activate",
                "heartbeat",
                "deactivate",
                "validate",
                "status",
                "catalogue",
                "changes",
                "events",
                "reports",
                "jwks",
                "openapi",
            ]
            .iter()
            .map(|name| (*name, String::new()))
            .collect();
            let discovery = json!({"issuer": desk.issuer, "versions": [1], "endpoints": endpoints,
                "roots": [desk.root_key().to_string()], "keysets": [desk.keyset()], "epoch": desk.epoch});
            Answer::Whole(200, discovery.to_string())
        }
        "/v1/activate" => desk.activate(&request),
        "/v1/heartbeat" => desk.heartbeat(&request),
        "/v1/validate" => desk.validate(&request),
        "/v1/catalogue" => Answer::Whole(200, catalogue()),
        "/v1/reports" => {
            desk.reports.push(serde_json::from_slice(&request.body).unwrap());
            Answer::Whole(204, String::new())
        }
        "/v1/deactivate" => Answer::Whole(204, String::new()),
        "/v1/changes" => {
            let query = |name: &str| {
                let found = request
                    .path
                    .split(['?', '&'])
                    .find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
                found.unwrap().parse::<u64>().unwrap()
            };
            let (rev, wait) = (query("rev"), Duration::from_secs(query("wait")));
            let waiting = |desk: &mut Desk| desk.rev <= rev && !desk.down;
            let waited = shared.1.wait_timeout_while(desk, wait, waiting).unwrap();
            desk = waited.0;
            if desk.down {
                return Answer::Nothing;
            }
            let mut changes = json!({"rev": desk.rev});
            if let Some(code) = desk.refuse {
                changes["refusal"] = json!(desk.refusal(code, None));
            }
            Answer::Whole(200, changes.to_string())
        }
        "/v1/events" if desk.events => events(shared, &desk),
        _ => Answer::Whole(404, "no".to_owned()),
    };
    drop(desk);
    shared.1.notify_all();
    if matches!(fault, Some(Fault::LoseAnswer)) { Answer::Nothing } else { answer }
}

/// A stream: the present state, then each change, and a ping where there is none.
fn events(shared: &Arc<(Mutex<Desk>, Condvar)>, desk: &Desk) -> Answer {
    let shared = Arc::clone(shared);
    let (cuts, mut sent) = (desk.cuts, None);
    Answer::Stream(Box::new(move || {
        let open = |desk: &Desk| !desk.down && desk.cuts == cuts;
        let desk = shared.0.lock().unwrap();
        let wait = desk.ping;
        let quiet = |desk: &mut Desk| open(desk) && sent == Some((desk.epoch, desk.rev));
        let mut desk = shared.1.wait_timeout_while(desk, wait, quiet).unwrap().0;
        if !open(&desk) {
            return None;
        }
        let before = sent.replace((desk.epoch, desk.rev));
        if before.is_none() {
            desk.begun += 1;
            shared.1.notify_all();
        }
        Some(if before == sent {
            format!("event: ping\ndata: {}\n\n", json!({"now": desk.clock()}))
        } else {
            desk.event(before.is_none())
        })
    }))
}
