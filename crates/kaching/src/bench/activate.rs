use std::{io::Write as _, sync::Arc};

use clap::Args;
use kaching_api::{ActivateAnswer, SecretText};
use kaching_license::{Credential, Digest, Moment, TrustedKeyset, request_hash};

use super::{
    Load,
    engines::Engines,
    figures::{self, Figures},
    load::{Caller, Measure, Measured},
    stand::{Disk, PRODUCT, Stand, answer_to, tell},
    wire,
};
use crate::{failure::Failure, output::Output, settings::sentence};

/// Installations that activate, each for the first time
#[derive(Args)]
pub(crate) struct Activate {
    #[command(flatten)]
    load: Load,
    #[command(flatten)]
    engines: Engines,
}

impl Activate {
    pub(super) async fn run(self, disk: &Disk, output: &Output) -> Result<(), Failure> {
        let load = self.load;
        let rows = self.engines.each(disk, async |stand: &Stand| {
            tell(&format!("{}: {} s of activations", stand.engine, load.seconds));
            let callers = callers(stand, load.connections, u32::MAX);
            let (measured, callers) = stand.load(callers, Measure::For(load.span())).await?;
            are_stored(stand, callers.iter().map(|caller| caller.made.len() as u64).sum()).await?;
            Ok(Figures::of("activate", Some(stand.engine), load.connections, &measured, stand.durable()))
        });
        figures::print(&rows.await?, output)
    }
}

/// No activation that was acknowledged may be missing.
async fn are_stored(stand: &Stand, acknowledged: u64) -> Result<(), Failure> {
    let stored =
        stand.app.authority().stats().await.map_err(|error| sentence(&error.to_string()))?.activations;
    if stored >= acknowledged {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "{acknowledged} activations were acknowledged, and only {stored} are stored: this is a fault of Kaching."
    )))
}

/// An installation that was activated.
pub(super) struct Installation {
    pub(super) credential: Credential,
    /// What its heartbeats name it by.
    pub(super) fpr: String,
}

/// Activates this many installations, shared out among the connections.
pub(super) async fn prepare(
    stand: &Stand,
    connections: u32,
    installations: u32,
) -> Result<Vec<Vec<Installation>>, Failure> {
    tell(&format!("{}: {installations} installations activate", stand.engine));
    let each = installations.div_ceil(connections);
    let callers = callers(stand, connections, each);
    let (Measured { error, .. }, callers) = stand.load(callers, Measure::All).await?;
    match error {
        Some(error) => Err(Failure::refused(format!("The installations could not be activated: {error}."))),
        None if callers.iter().any(|caller| caller.left > 0) => {
            Err(Failure::refused("The installations took too long to activate: ask for fewer."))
        }
        None => Ok(callers.into_iter().map(|caller| caller.made).collect()),
    }
}

fn callers(stand: &Stand, connections: u32, each: u32) -> Vec<Activating> {
    let keys = (0..connections).zip(stand.keys.iter().cycle());
    keys.map(|(number, key)| Activating {
        number,
        key: key.clone(),
        trusted: Arc::clone(&stand.trusted),
        left: each,
        fingerprint: String::new(),
        request: Digest([0; 32]),
        body: Vec::new(),
        made: Vec::new(),
    })
    .collect()
}

/// Activates one installation after the other on one license.
struct Activating {
    number: u32,
    key: SecretText,
    trusted: Arc<TrustedKeyset>,
    left: u32,
    /// Of the installation that activates now.
    fingerprint: String,
    /// What its lease must answer.
    request: Digest,
    body: Vec<u8>,
    made: Vec<Installation>,
}

const PATH: &str = "/v1/activate";

impl Caller for Activating {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        if self.left == 0 {
            return false;
        }
        self.fingerprint = format!("bench-{}-{}", self.number, self.left);
        let key = self.key.expose();
        self.body.clear();
        write!(
            self.body,
            r#"{{"license_key":"{key}","product":"{PRODUCT}","fingerprint":"{0}","kind":"cluster","name":"{0}","version":"2.4.1","nonce":"activate-{0:->20}"}}"#,
            self.fingerprint
        )
        .expect("memory takes every write");
        self.request = request_hash("POST", PATH, "", &self.body);
        wire::post(request, PATH, None, &self.body);
        true
    }

    fn hear(&mut self, status: u16, body: &[u8]) -> Result<(), String> {
        self.left -= 1;
        wire::expect(201, status, body)?;
        let answer: ActivateAnswer = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        if self.left.is_multiple_of(32) {
            self.trusted
                .verify_lease(&answer.lease, &answer_to(self.request), Moment::Answer)
                .map_err(|error| error.to_string())?;
        }
        let credential = Credential::parse(answer.credential.expose()).map_err(|error| error.to_string())?;
        self.made.push(Installation { credential, fpr: Digest::of(&self.fingerprint).to_string() });
        Ok(())
    }
}
