use std::{io::Write as _, sync::Arc};

use clap::Args;
use kaching_license::{Digest, Moment, TrustedKeyset};

use super::{
    ceiling,
    disk::{Disk, tell},
    engines::Engines,
    figures::Figures,
    load::{Caller, Measure},
    series::{Load, series},
    server::Algorithm,
    stand::{Installation, Setting, Stand, answer_to},
    wire,
};
use crate::failure::Failure;

/// Heartbeats of many installations: each a new number, nonce and mac, each answered with a signed lease
#[derive(Args)]
pub(crate) struct Heartbeat {
    #[command(flatten)]
    pub(super) load: Load,
    /// Installations, which are there before the clock starts
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) installations: u32,
    /// What the leases are signed with
    #[arg(long, value_name = "ALG", default_value = "eddsa")]
    pub(super) alg: Algorithm,
    #[command(flatten)]
    pub(super) engines: Engines,
}

impl Heartbeat {
    pub(super) async fn rows(&self, disk: &Disk) -> Result<Vec<Figures>, Failure> {
        let installations = u64::from(self.installations.max(self.load.connections));
        let setting = Setting { algorithm: self.alg, installations, ..Setting::default() };
        self.engines.each(disk, setting, async |stand: &mut Stand<'_>| self.on(stand).await).await
    }

    async fn on(&self, stand: &mut Stand<'_>) -> Result<Vec<Figures>, Failure> {
        let load = self.load;
        let mut callers = Beating::share(stand, load.connections);
        if load.rate.is_some() {
            return Ok(series(stand, load, "heartbeat", callers).await?.0);
        }
        let mut runs = Vec::new();
        let once = Load { runs: 1, sweep: false, ..load };
        // Half of the ceiling before and half of it after, as the machine may have become busier in between.
        let half = Measure::Closed(load.span() / 2);
        for _ in 0..load.runs {
            let before = ceiling::measure(stand.disk, load.connections, half, self.alg).await?;
            let (row, back) = series(stand, once, "heartbeat", callers).await?;
            callers = back;
            let after = ceiling::measure(stand.disk, load.connections, half, self.alg).await?;
            let ceiling = (before.rate() + after.rate()) / 2.0;
            runs.extend(row.into_iter().map(|row| row.against(ceiling)));
        }
        let mut rows: Vec<Figures> = Figures::median(runs).into_iter().collect();
        if load.sweep {
            let (swept, _) = series(stand, load, "heartbeat", callers).await?;
            rows.extend(swept.into_iter().filter(|row| row.looped == Some("open")));
        }
        Ok(rows)
    }
}

/// Lets each installation beat once, with this level where one is to be told. How many there were.
pub(super) async fn once(
    stand: &mut Stand<'_>,
    connections: u32,
    level: Option<u32>,
) -> Result<u64, Failure> {
    let asked = stand.installations.len();
    tell(&format!("{}: each of {asked} installations that will be asked is asked", stand.engine));
    let callers = Beating::share(stand, connections).into_iter();
    let callers = callers.map(|caller| Beating { level, ..caller.once() }).collect();
    let (measured, callers) = stand.load(callers, Measure::All).await?;
    stand.installations = callers.into_iter().flat_map(Beating::back).collect();
    match measured.error {
        Some(error) => Err(Failure::refused(format!("The installations were not answered: {error}."))),
        None => Ok(measured.answered),
    }
}

/// The heartbeats of some installations in turn.
pub(super) struct Beating {
    installations: Vec<Installation>,
    trusted: Arc<TrustedKeyset>,
    /// Whose turn it is.
    at: usize,
    /// How many were answered.
    answered: usize,
    /// Whether each beats once.
    once: bool,
    /// Whether each keeps its lease.
    keeps: bool,
    /// The level that is told, where one is.
    level: Option<u32>,
    /// What the lease must answer.
    request: Digest,
    body: Vec<u8>,
}

const PATH: &str = "/v1/heartbeat";

impl Beating {
    /// Shares the stand's installations out among so many connections.
    pub(super) fn share(stand: &mut Stand<'_>, connections: u32) -> Vec<Self> {
        let all = std::mem::take(&mut stand.installations);
        let count = connections as usize;
        let mut shares: Vec<Vec<Installation>> = (0..count).map(|_| Vec::new()).collect();
        for (at, one) in all.into_iter().enumerate() {
            shares[at % count].push(one);
        }
        shares
            .into_iter()
            .filter(|share| !share.is_empty())
            .map(|own| Self::new(own, &stand.trusted))
            .collect()
    }

    fn new(installations: Vec<Installation>, trusted: &Arc<TrustedKeyset>) -> Self {
        Self {
            installations,
            trusted: Arc::clone(trusted),
            at: 0,
            answered: 0,
            once: false,
            keeps: false,
            level: None,
            request: Digest([0; 32]),
            body: Vec::new(),
        }
    }

    /// Each installation only once.
    pub(super) fn once(self) -> Self {
        Self { once: true, ..self }
    }

    /// Each installation only once, for its lease.
    pub(super) fn for_leases(self) -> Self {
        Self { keeps: true, ..self.once() }
    }

    /// Gives the installations back.
    pub(super) fn back(self) -> Vec<Installation> {
        self.installations
    }
}

impl Caller for Beating {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        if self.once && self.answered >= self.installations.len() {
            return false;
        }
        let Installation { credential, fpr, number, .. } = &self.installations[self.at];
        // The number and the nonce stay until they are answered.
        let number = number + 1;
        self.body.clear();
        let levels = self.level.map(|level| format!(r#","levels":{{"nodes":{level}}}"#)).unwrap_or_default();
        write!(self.body, r#"{{"nonce":"heartbeat-{number:012}","fpr":"{fpr}","version":"2.4.1"{levels}}}"#)
            .expect("memory takes every write");
        let (authorization, hash) = credential.authorize(number, "POST", PATH, &self.body);
        self.request = hash;
        wire::post(request, PATH, Some(&authorization), &self.body);
        true
    }

    fn hear(&mut self, status: u16, body: &[u8]) -> Result<(), String> {
        let at = self.at;
        self.at = (at + 1) % self.installations.len();
        self.answered += 1;
        wire::expect(200, status, body)?;
        let installation = &mut self.installations[at];
        installation.number += 1;
        if self.keeps || self.answered.is_multiple_of(64) {
            let answer: kaching_api::HeartbeatAnswer =
                serde_json::from_slice(body).map_err(|error| error.to_string())?;
            self.trusted
                .verify_lease(&answer.lease, &answer_to(self.request), Moment::Answer)
                .map_err(|error| error.to_string())?;
            if self.keeps {
                installation.lease = answer.lease;
            }
        }
        Ok(())
    }
}
