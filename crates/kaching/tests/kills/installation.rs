//! An installation as the protocol knows it, and what the authority has acknowledged to it.

use std::collections::BTreeMap;

use kaching_base::Timestamp;
use kaching_license::{Credential, Digest};
use serde_json::json;

use crate::{load::RetryingClient, random::Random, wire::Call};

pub(crate) struct Installation {
    key: String,
    pub(crate) fingerprint: String,
    credential: Option<Credential>,
    pub(crate) id: Option<String>,
    pub(crate) active: bool,
    pub(crate) activations: u64,
    pub(crate) deactivations: u64,
    /// The last heartbeat of the present generation.
    pub(crate) number: u64,
    seq: u64,
    /// Usage by number.
    pub(crate) used: BTreeMap<u64, u64>,
    pub(crate) heartbeats: u64,
}

impl Installation {
    pub(crate) fn new(key: &str, fingerprint: String) -> Self {
        Self {
            key: key.to_owned(),
            fingerprint,
            credential: None,
            id: None,
            active: false,
            activations: 0,
            deactivations: 0,
            number: 0,
            seq: 0,
            used: BTreeMap::new(),
            heartbeats: 0,
        }
    }

    /// Does one thing that an installation does.
    pub(crate) fn act(&mut self, client: &mut RetryingClient<'_>, random: &mut Random) {
        match random.below(20) {
            _ if !self.active => drop(self.activate(client, random)),
            0 => drop(self.activate(client, random)),
            1 | 2 => self.deactivate(client, random),
            _ => self.heartbeat(client, random),
        }
    }

    /// Activates, also where it is active already. Returns whether there was a slot.
    pub(crate) fn activate(&mut self, client: &mut RetryingClient<'_>, random: &mut Random) -> bool {
        let body = json!({"license_key": self.key, "product": "chorus", "fingerprint": self.fingerprint,
            "kind": "device", "nonce": random.nonce()});
        let answer = client.ask(&Call::new("POST", "/v1/activate", &body));
        if answer.status == 403 && answer.body["code"] == "activation_limit_reached" {
            assert!(!self.active, "{} has a slot, and is refused one", self.fingerprint);
            return false;
        }
        assert!(matches!(answer.status, 200 | 201), "activate: {} {}", answer.status, answer.body);
        let id = answer.body["activation"]["id"].as_str().unwrap().to_owned();
        assert!(
            self.id.as_ref().is_none_or(|known| *known == id),
            "the same installation, another activation"
        );
        let credential = answer.body["credential"].as_str().unwrap();
        self.credential = Some(Credential::parse(credential).unwrap());
        (self.id, self.active, self.number) = (Some(id), true, 0);
        self.activations += 1;
        true
    }

    fn heartbeat(&mut self, client: &mut RetryingClient<'_>, random: &mut Random) {
        let usage: Vec<_> = (0..random.below(3)).map(|at| (self.seq + 1 + at, 1 + random.below(9))).collect();
        let at = Timestamp::from_seconds(1_800_000_000);
        let entries: Vec<_> = usage
            .iter()
            .map(|(seq, amount)| json!({"meter": "jobs", "amount": amount, "seq": seq, "at": at}))
            .collect();
        let fpr = Digest::of(&self.fingerprint).to_string();
        let body = json!({"nonce": random.nonce(), "fpr": fpr, "usage": entries});
        let answer = client.ask(&self.call(self.number + 1, "/v1/heartbeat", &body));
        assert_eq!(answer.status, 200, "heartbeat {} was not taken: {}", self.number + 1, answer.body);
        self.number += 1;
        self.heartbeats += 1;
        self.seq += usage.len() as u64;
        self.used.extend(usage);
    }

    pub(crate) fn deactivate(&mut self, client: &mut RetryingClient<'_>, random: &mut Random) {
        let answer = client.ask(&self.call(0, "/v1/deactivate", &json!({"nonce": random.nonce()})));
        assert_eq!(answer.status, 204, "deactivate: {}", answer.body);
        self.active = false;
        self.deactivations += 1;
    }

    fn call(&self, number: u64, path: &str, body: &serde_json::Value) -> Call {
        let call = Call::new("POST", path, body);
        let credential = self.credential.as_ref().expect("it was activated");
        let (authorization, _) = credential.authorize(number, "POST", path, &call.body);
        call.header("authorization", authorization)
    }
}
