use std::{io::Write as _, sync::Arc};

use clap::Args;
use kaching_api::{ActivateAnswer, SecretText};
use kaching_license::{Digest, Moment, TrustedKeyset, request_hash};

use super::{
    bench_server::{BenchServer, PRODUCT, SCARCE, ServerOptions, answer_to},
    connection,
    disk::Disk,
    engines::Engines,
    figures::Figures,
    load::{Caller, LoadPattern},
    series::{Load, series},
};
use kaching_command::{failure::Failure, output::show_progress};

/// Installations that activate, each for the first time
#[derive(Args)]
pub struct Activate {
    #[command(flatten)]
    pub(super) load: Load,
    /// Also a thousand installations that race for a license with a hundred slots: exactly a hundred may succeed
    #[arg(long)]
    pub(super) race: bool,
    #[command(flatten)]
    pub(super) engines: Engines,
}

impl Activate {
    pub(super) async fn rows(&self, disk: &Disk) -> Result<Vec<Figures>, Failure> {
        let (load, race) = (self.load, self.race);
        self.engines
            .each(disk, ServerOptions::default(), async |server: &mut BenchServer<'_>| {
                let callers = callers(&*server, load.connections, u32::MAX);
                let (mut rows, callers) = series(&*server, load, "activate", callers).await?;
                let mut made = callers.iter().map(|caller| caller.made).sum();
                if race {
                    let (row, granted) = run_race(&*server).await?;
                    (made, _) = (made + granted, rows.push(row));
                }
                check_stored(&*server, made).await?;
                Ok(rows)
            })
            .await
    }
}

/// Fails if an acknowledged activation is missing.
async fn check_stored(server: &BenchServer<'_>, acknowledged: u64) -> Result<(), Failure> {
    let stored = server.count_activations().await?;
    if stored >= acknowledged {
        return Ok(());
    }
    Err(Failure::refused(format!(
        "{acknowledged} activations were acknowledged, and only {stored} are stored: this is a fault of Kaching."
    )))
}

/// The number of installations that race for one license.
const RACERS: u32 = 1000;

/// Measures the latencies of the race, and returns how many installations got a slot.
async fn run_race(server: &BenchServer<'_>) -> Result<(Figures, u64), Failure> {
    show_progress(&format!("{}: {RACERS} installations race for {SCARCE} slots", server.engine));
    let mut racers = callers(server, RACERS, 1);
    for racer in &mut racers {
        (racer.key, racer.scarce) = (server.scarce.clone(), true);
    }
    let (measured, racers) = server.load(racers, LoadPattern::All).await?;
    let granted: u64 = racers.iter().map(|racer| racer.made).sum();
    if granted != u64::from(SCARCE) {
        return Err(Failure::refused(format!(
            "{granted} of {RACERS} installations were activated on {SCARCE} slots: this is a fault of Kaching."
        )));
    }
    let row = Figures::of_load("activate", Some(server.engine), RACERS, &measured, None);
    let of = Some(format!("{granted} of {RACERS} on {SCARCE} slots"));
    Ok((Figures { of, durable: Some(server.durable()), ..row }, granted))
}

/// Returns callers that activate `each` installations each.
pub(super) fn callers(server: &BenchServer<'_>, connections: u32, each: u32) -> Vec<ActivateCaller> {
    let keys = (0..connections).zip(server.keys.iter().cycle());
    keys.map(|(number, key)| ActivateCaller {
        number,
        key: key.clone(),
        trusted: Arc::clone(&server.trusted),
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
pub(super) struct ActivateCaller {
    number: u32,
    key: SecretText,
    trusted: Arc<TrustedKeyset>,
    /// Whether a slot may be refused.
    scarce: bool,
    left: u32,
    /// The number of successful activations.
    made: u64,
    /// The fingerprint of the present request.
    fingerprint: String,
    /// The digest of the request, which the lease must name.
    request: Digest,
    body: Vec<u8>,
}

const PATH: &str = "/v1/activate";

impl Caller for ActivateCaller {
    fn write_request(&mut self, request: &mut Vec<u8>) -> bool {
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
        .expect("writing to memory does not fail");
        self.request = request_hash("POST", PATH, "", &self.body);
        connection::post(request, PATH, None, &self.body);
        true
    }

    fn check_answer(&mut self, status: u16, body: &[u8]) -> Result<(), String> {
        self.left -= 1;
        if self.scarce && status == 403 {
            return Ok(());
        }
        connection::expect(201, status, body)?;
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
