use std::{io::Write as _, sync::Arc};

use clap::Args;
use kaching_api::{ActivateAnswer, SecretText};
use kaching_license::{Digest, Moment, TrustedKeyset, request_hash};

use super::{
    disk::{Disk, tell},
    engines::Engines,
    figures::Figures,
    load::{Caller, Measure},
    series::{Load, series},
    stand::{PRODUCT, SCARCE, Setting, Stand, answer_to},
    wire,
};
use crate::failure::Failure;

/// Installations that activate, each for the first time
#[derive(Args)]
pub(crate) struct Activate {
    #[command(flatten)]
    pub(super) load: Load,
    /// Also a thousand at once on a license with a hundred slots: a hundred may succeed
    #[arg(long)]
    pub(super) race: bool,
    #[command(flatten)]
    pub(super) engines: Engines,
}

impl Activate {
    pub(super) async fn rows(&self, disk: &Disk) -> Result<Vec<Figures>, Failure> {
        let (load, race) = (self.load, self.race);
        self.engines
            .each(disk, Setting::default(), async |stand: &mut Stand<'_>| {
                let callers = callers(&*stand, load.connections, u32::MAX);
                let (mut rows, callers) = series(&*stand, load, "activate", callers).await?;
                let mut made = callers.iter().map(|caller| caller.made).sum();
                if race {
                    let (row, granted) = race_on(&*stand).await?;
                    (made, _) = (made + granted, rows.push(row));
                }
                are_stored(&*stand, made).await?;
                Ok(rows)
            })
            .await
    }
}

/// No activation that was acknowledged may be missing.
async fn are_stored(stand: &Stand<'_>, acknowledged: u64) -> Result<(), Failure> {
    let stored = stand.counted().await?;
    if stored >= acknowledged {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "{acknowledged} activations were acknowledged, and only {stored} are stored: this is a fault of Kaching."
    )))
}

/// So many installations at once want the slots of one license.
const RACERS: u32 = 1000;

/// Measures how long each waits for its answer, and counts the slots that were given.
async fn race_on(stand: &Stand<'_>) -> Result<(Figures, u64), Failure> {
    tell(&format!("{}: {RACERS} installations want {SCARCE} slots", stand.engine));
    let mut racers = callers(stand, RACERS, 1);
    for racer in &mut racers {
        (racer.key, racer.scarce) = (stand.scarce.clone(), true);
    }
    let (measured, racers) = stand.load(racers, Measure::All).await?;
    let granted: u64 = racers.iter().map(|racer| racer.made).sum();
    if granted != u64::from(SCARCE) {
        return Err(Failure::refused(format!(
            "{granted} of {RACERS} installations were activated on {SCARCE} slots: this is a fault of Kaching."
        )));
    }
    let row = Figures::of("activate", Some(stand.engine), RACERS, &measured, None);
    let of = Some(format!("{granted} of {RACERS} on {SCARCE} slots"));
    Ok((Figures { of, durable: Some(stand.durable()), ..row }, granted))
}

/// Callers who activate so many installations each.
pub(super) fn callers(stand: &Stand<'_>, connections: u32, each: u32) -> Vec<Activating> {
    let keys = (0..connections).zip(stand.keys.iter().cycle());
    keys.map(|(number, key)| Activating {
        number,
        key: key.clone(),
        trusted: Arc::clone(&stand.trusted),
        scarce: false,
        left: each,
        made: 0,
        fingerprint: String::new(),
        request: Digest([0; 32]),
        body: Vec::new(),
    })
    .collect()
}

/// Activates one installation after the other on one license.
pub(super) struct Activating {
    number: u32,
    key: SecretText,
    trusted: Arc<TrustedKeyset>,
    /// Whether a slot may be refused.
    scarce: bool,
    left: u32,
    /// How many were activated.
    made: u64,
    /// Of the installation that activates now.
    fingerprint: String,
    /// What its lease must answer.
    request: Digest,
    body: Vec<u8>,
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
        if self.scarce && status == 403 {
            return Ok(());
        }
        wire::expect(201, status, body)?;
        self.made += 1;
        let answer: ActivateAnswer = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        if self.left.is_multiple_of(32) {
            self.trusted
                .verify_lease(&answer.lease, &answer_to(self.request), Moment::Answer)
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}
