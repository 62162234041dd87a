//! An operator's program, and what the authority has acknowledged to it.

use serde_json::{Value, json};

use crate::{dice::Dice, server::Token, stage::Way};

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
    pub(crate) fn act(&mut self, token: &Token, way: &mut Way<'_>, dice: &mut Dice) {
        let most = self.licenses.len() >= LICENSES;
        if self.licenses.is_empty() || (!most && dice.below(4) == 0) {
            let body = json!({"customer": "operated", "product": "chorus", "plan": "team"});
            let made = change(token, way, dice, "licenses", &body);
            let id = made["id"].as_str().unwrap().to_owned();
            self.licenses.push(License { id, suspended: false, suspensions: 0, reinstatements: 0 });
            return;
        }
        let chosen = dice.below(self.licenses.len() as u64);
        let license = &mut self.licenses[usize::try_from(chosen).unwrap()];
        let (verb, body) = if license.suspended {
            ("reinstate", json!({}))
        } else {
            ("suspend", json!({"reason": "a test"}))
        };
        let changed = change(token, way, dice, &format!("licenses/{}/{verb}", license.id), &body);
        license.suspended = !license.suspended;
        *(if license.suspended { &mut license.suspensions } else { &mut license.reinstatements }) += 1;
        assert_eq!(changed["revision"], 1 + license.suspensions + license.reinstatements, "{verb}");
    }
}

/// One change, under one key however often it is sent.
fn change(token: &Token, way: &mut Way<'_>, dice: &mut Dice, path: &str, body: &Value) -> Value {
    let answer = way.ask(&token.call("POST", path, body).header("idempotency-key", dice.nonce()));
    assert!(matches!(answer.status, 200 | 201), "{path}: {} {}", answer.status, answer.body);
    answer.body
}
