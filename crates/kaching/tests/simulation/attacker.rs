//! Somebody who has nothing but the key, and a road of his own to the authority.

use std::collections::BTreeSet;

use kaching_base::Timestamp;
use kaching_license::Credential;
use serde_json::{Value, json};

use crate::{
    broken::{Broken, ensure},
    run::Run,
    server::{Raw, holds},
};

/// An attack. Machines are numbers; the attacker's credentials are counted from the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attack {
    /// Activates with the fingerprint of a machine.
    Copy(usize),
    /// Activates with a fingerprint of his own.
    Enter,
    /// Takes over the activation of a machine, with a fingerprint of his own.
    TakeOver(usize),
    /// Takes over what one of his credentials belongs to, and shows it.
    MoveOn(usize),
    /// Gives the slot of one of his credentials back.
    GiveBack(usize),
    /// Sends the first heartbeat of one of his credentials.
    Beat(usize),
}

/// The attacker's loot.
#[derive(Default)]
pub(crate) struct Attacker {
    /// With the fingerprint that each is of.
    credentials: Vec<(Credential, String)>,
    drawn: u64,
}

impl Attacker {
    fn nonce(&mut self) -> String {
        self.drawn += 1;
        format!("drawn-by-the-attacker-{:08}", self.drawn)
    }

    fn of(&self, back: usize) -> Option<(Credential, String)> {
        self.credentials.iter().rev().nth(back).cloned()
    }
}

impl Run<'_> {
    pub(crate) async fn attack(&mut self, attack: Attack) -> Result<(), Broken> {
        if self.down_until.is_some() {
            return Ok(());
        }
        match attack {
            Attack::Copy(machine) => {
                // From now on two installations share its fingerprint.
                self.machines[machine].copied = true;
                let fingerprint = self.machines[machine].fingerprint.clone();
                self.enter(fingerprint, None, None).await?;
            }
            Attack::Enter => self.enter_on_his_own(None, None).await?,
            Attack::TakeOver(machine) => {
                if let Some(activation) = self.machines[machine].known.activation.clone() {
                    self.enter_on_his_own(Some(activation), None).await?;
                }
            }
            Attack::MoveOn(back) => {
                if let Some((credential, _)) = self.attacker.of(back) {
                    self.enter_on_his_own(Some(credential.activation.to_string()), Some(credential)).await?;
                }
            }
            Attack::GiveBack(back) => {
                if let Some((credential, _)) = self.attacker.of(back) {
                    let body = json!({ "nonce": self.attacker.nonce() });
                    self.with_credential(&credential, 0, "/v1/deactivate", &body).await?;
                }
            }
            Attack::Beat(back) => {
                if let Some((credential, fingerprint)) = self.attacker.of(back) {
                    let fpr = kaching_license::Digest::of(&fingerprint).to_string();
                    let body = json!({ "nonce": self.attacker.nonce(), "fpr": fpr });
                    self.with_credential(&credential, 1, "/v1/heartbeat", &body).await?;
                }
            }
        }
        self.changed = true;
        let revision = self.server.revision().await;
        self.revised(revision).await
    }

    async fn enter_on_his_own(
        &mut self,
        takeover: Option<String>,
        proof: Option<Credential>,
    ) -> Result<(), Broken> {
        let fingerprint = format!("attacker-{}", self.attacker.drawn % 3);
        self.enter(fingerprint, takeover, proof).await
    }

    async fn enter(
        &mut self,
        fingerprint: String,
        takeover: Option<String>,
        proof: Option<Credential>,
    ) -> Result<(), Broken> {
        let mut body = json!({ "license_key": self.fixture.key, "product": "chorus", "kind": "instance",
            "fingerprint": fingerprint, "nonce": self.attacker.nonce() });
        if let Some(activation) = takeover {
            body["takeover"] = activation.into();
        }
        let answer = match proof {
            Some(credential) => self.with_credential(&credential, 0, "/v1/activate", &body).await?,
            None => self.reach("/v1/activate", body.to_string().into_bytes(), None).await?,
        };
        let credential = answer["credential"].as_str().and_then(|text| Credential::parse(text).ok());
        self.attacker.credentials.extend(credential.map(|credential| (credential, fingerprint)));
        Ok(())
    }

    async fn with_credential(
        &mut self,
        credential: &Credential,
        number: u64,
        path: &str,
        body: &Value,
    ) -> Result<Value, Broken> {
        let body = body.to_string().into_bytes();
        let (authorization, _) = credential.authorize(number, "POST", path, &body);
        self.reach(path, body, Some(authorization.to_string())).await
    }

    async fn reach(
        &mut self,
        path: &str,
        body: Vec<u8>,
        authorization: Option<String>,
    ) -> Result<Value, Broken> {
        let answer =
            self.server.send(&Raw { method: "POST", path: path.to_owned(), body, authorization }).await?;
        self.log(|| format!("the attacker gets {} on {path}", answer.status));
        Ok(serde_json::from_slice(&answer.body).unwrap_or_default())
    }

    /// Where all reach the authority, only installations run that hold a slot or are in move grace, and there are no
    /// more of either than slots.
    pub(crate) async fn only_those_run_that_may(&self) -> Result<(), Broken> {
        let now = Timestamp::from_micros(self.now());
        let activations = self.server.activations().await;
        let in_grace = activations.iter().filter(|one| one.is_in_move_grace(now)).count();
        ensure!(in_grace <= self.slots.max(1), "{in_grace} are in move grace, with {} slots", self.slots);
        let may: BTreeSet<_> = activations
            .iter()
            .filter(|one| holds(one, now) || one.is_in_move_grace(now))
            .map(|one| one.fingerprint.as_str())
            .collect();
        for machine in self.machines.iter().filter(|machine| machine.says_yes()) {
            ensure!(
                may.contains(machine.fingerprint.as_str()),
                "in the end {} runs ({}), and only {may:?} may",
                machine.name,
                machine.shown()
            );
        }
        Ok(())
    }
}
