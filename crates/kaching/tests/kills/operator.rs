//! An operator's program, and what the authority has acknowledged to it.

use serde_json::{Value, json};

use crate::{load::RetryingClient, random::Random, server::Token};

/// All of them are looked at after each kill.
const LICENSES: usize = 150;

#[derive(Default)]
pub(crate) struct Operator {
    pub(crate) licenses: Vec<License>,
}

pub(crate) struct License {
    pub(crate) id: String,
    pub(crate) suspended: bool,
    pub(crate) suspensions: u64,
    pub(crate) reinstatements: u64,
}

impl Operator {
    /// Makes a license, or suspends or reinstates one.
    pub(crate) fn act(&mut self, token: &Token, client: &mut RetryingClient<'_>, random: &mut Random) {
        let most = self.licenses.len() >= LICENSES;
        if self.licenses.is_empty() || (!most && random.below(4) == 0) {
            let body = json!({"customer": "operated", "product": "chorus", "plan": "team"});
            let made = change(token, client, random, "licenses", &body);
            let id = made["id"].as_str().unwrap().to_owned();
            self.licenses.push(License { id, suspended: false, suspensions: 0, reinstatements: 0 });
            return;
        }
        let chosen = random.below(self.licenses.len() as u64);
        let license = &mut self.licenses[usize::try_from(chosen).unwrap()];
        let (verb, body) = if license.suspended {
            ("reinstate", json!({}))
        } else {
            ("suspend", json!({"reason": "a test"}))
        };
        let changed = change(token, client, random, &format!("licenses/{}/{verb}", license.id), &body);
        license.suspended = !license.suspended;
        *(if license.suspended { &mut license.suspensions } else { &mut license.reinstatements }) += 1;
        assert_eq!(changed["revision"], 1 + license.suspensions + license.reinstatements, "{verb}");
    }
}

/// One change, under one key however often it is sent.
fn change(
    token: &Token,
    client: &mut RetryingClient<'_>,
    random: &mut Random,
    path: &str,
    body: &Value,
) -> Value {
    let answer = client.ask(&token.call("POST", path, body).header("idempotency-key", random.nonce()));
    assert!(matches!(answer.status, 200 | 201), "{path}: {} {}", answer.status, answer.body);
    answer.body
}
