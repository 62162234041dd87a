//! Installations that listen and wait while servers restart.

use std::{
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::Sender,
    },
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    random::Random,
    wire::{Call, Line, Target},
};

/// The client's request.
const WAIT: Duration = Duration::from_secs(45);

/// An installation, and the address that it uses.
pub(crate) struct Listener {
    target: Target,
    lease: String,
}

/// A revision that an event announced, and when it arrived.
pub(crate) type Received = (u64, Instant);

impl Listener {
    /// Activates by this key.
    pub(crate) fn activate(target: Target, key: &str, fingerprint: &str, random: &mut Random) -> Self {
        let body = json!({"license_key": key, "product": "chorus", "fingerprint": fingerprint, "kind": "device",
            "nonce": random.nonce()});
        let answer = Line::to(target.clone()).ask(&Call::new("POST", "/v1/activate", &body)).unwrap();
        assert_eq!(answer.status, 201, "{}", answer.body);
        Self { target, lease: answer.body["lease"].as_str().unwrap().to_owned() }
    }

    fn call(&self, path: &str) -> Call {
        Call::new("GET", path, &Value::Null).header("authorization", format!("Bearer {}", self.lease))
    }

    /// Holds a stream until there is an event after `ended`; how many streams that took. None of them is refused, and
    /// none breaks.
    pub(crate) fn listen(&self, received: &Sender<Received>, ended: &AtomicBool) -> u64 {
        for streams in 1.. {
            let line = Line::to(self.target.clone());
            let (status, mut chunks) = line.open(&self.call("/v1/events")).expect("a stream opens");
            assert_eq!(status, 200, "a stream is refused");
            let mut text = String::new();
            while let Some(piece) = chunks.next().expect("a stream does not break") {
                text.push_str(&piece);
                while let Some((event, rest)) = text.split_once("\n\n") {
                    if let Some(rev) = revision(event) {
                        let _ = received.send((rev, Instant::now()));
                    }
                    if ended.load(Ordering::SeqCst) {
                        return streams;
                    }
                    text =
                        if event.starts_with("event: end\n") { "ended".to_owned() } else { rest.to_owned() };
                }
            }
            assert_eq!(text, "ended", "a stream ends without its last event");
        }
        unreachable!("nobody opens that many")
    }

    /// Waits for something newer than `rev` again and again, until a whole wait ends after `restarted`; how many waits
    /// that took. Each of them is answered.
    pub(crate) fn wait(&self, rev: u64, restarted: &AtomicBool) -> u64 {
        let mut line = Line::to(self.target.clone()).patient(WAIT * 2);
        let call = self.call(&format!("/v1/changes?rev={rev}&wait={}", WAIT.as_secs()));
        for waits in 1.. {
            let began = Instant::now();
            let answer = line.ask(&call).expect("a wait is answered");
            assert_eq!(answer.status, 200, "a wait: {}", answer.body);
            if restarted.load(Ordering::SeqCst) && began.elapsed() >= WAIT {
                return waits;
            }
        }
        unreachable!("nobody waits that often")
    }
}

/// The revision of an event.
fn revision(event: &str) -> Option<u64> {
    let data = event.lines().find_map(|line| line.strip_prefix("data: "))?;
    serde_json::from_str::<Value>(data).ok()?["rev"].as_u64()
}
