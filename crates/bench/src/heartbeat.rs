use std::{io::Write as _, sync::Arc};

use clap::Args;
use kaching_license::{Digest, Moment, TrustedKeyset};

use super::{
    bench_server::{BenchServer, Installation, ServerOptions, answer_to},
    ceiling, connection,
    disk::Disk,
    engines::Engines,
    figures::Figures,
    load::{Caller, LoadPattern},
    series::{Load, series},
    server_process::Algorithm,
};
use kaching_command::{failure::Failure, output::show_progress};

/// Heartbeats of many installations: each a new number, nonce and mac, each answered with a signed lease
#[derive(Args)]
pub struct Heartbeat {
    #[command(flatten)]
    pub(super) load: Load,
    /// Installations, which are there before the measurement starts
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(super) installations: u32,
    /// The algorithm that signs the leases
    #[arg(long, value_name = "ALG", default_value = "eddsa")]
    pub(super) alg: Algorithm,
    #[command(flatten)]
    pub(super) engines: Engines,
}

impl Heartbeat {
    pub(super) async fn rows(&self, disk: &Disk) -> Result<Vec<Figures>, Failure> {
        let installations = u64::from(self.installations.max(self.load.connections));
        let setting = ServerOptions { algorithm: self.alg, installations, ..ServerOptions::default() };
        self.engines
            .each(disk, setting, async |server: &mut BenchServer<'_>| self.measure_on(server).await)
            .await
    }

    async fn measure_on(&self, server: &mut BenchServer<'_>) -> Result<Vec<Figures>, Failure> {
        let load = self.load;
        let mut callers = HeartbeatCaller::share_out(server, load.connections);
        if load.rate.is_some() {
            return Ok(series(server, load, "heartbeat", callers).await?.0);
        }
        let mut runs = Vec::new();
        let once = Load { runs: 1, sweep: false, ..load };
        // Half of the ceiling is measured before and half after, in case the machine becomes busier in between.
        let half = LoadPattern::Closed(load.span() / 2);
        for _ in 0..load.runs {
            let before = ceiling::measure(server.disk, load.connections, half, self.alg).await?;
            let (row, back) = series(server, once, "heartbeat", callers).await?;
            callers = back;
            let after = ceiling::measure(server.disk, load.connections, half, self.alg).await?;
            let ceiling = (before.rate() + after.rate()) / 2.0;
            runs.extend(row.into_iter().map(|row| row.with_ceiling(ceiling)));
        }
        let mut rows: Vec<Figures> = Figures::median(runs).into_iter().collect();
        if load.sweep {
            let (swept, _) = series(server, load, "heartbeat", callers).await?;
            rows.extend(swept.into_iter().filter(|row| row.looped == Some("open")));
        }
        Ok(rows)
    }
}

/// Sends one heartbeat for each installation, with this level of nodes if there is one. Returns how many were answered.
pub(super) async fn send_one_each(
    server: &mut BenchServer<'_>,
    connections: u32,
    level: Option<u32>,
) -> Result<u64, Failure> {
    let count = server.installations.len();
    show_progress(&format!("{}: {count} installations send a heartbeat each", server.engine));
    let callers = HeartbeatCaller::share_out(server, connections).into_iter();
    let callers = callers.map(|caller| HeartbeatCaller { level, ..caller.once() }).collect();
    let (measured, callers) = server.load(callers, LoadPattern::All).await?;
    server.installations = callers.into_iter().flat_map(HeartbeatCaller::into_installations).collect();
    match measured.error {
        Some(error) => Err(Failure::refused(format!("The installations were not answered: {error}."))),
        None => Ok(measured.answered),
    }
}

/// Sends the heartbeats of some installations in turn.
pub(super) struct HeartbeatCaller {
    installations: Vec<Installation>,
    trusted: Arc<TrustedKeyset>,
    /// The index of the next installation.
    at: usize,
    /// The number of answers.
    answered: usize,
    /// Whether each installation sends only one.
    once: bool,
    /// Whether each installation keeps its lease.
    keeps_lease: bool,
    /// The level of nodes that each heartbeat reports.
    level: Option<u32>,
    /// The digest of the request, which the lease must name.
    request: Digest,
    body: Vec<u8>,
}

const PATH: &str = "/v1/heartbeat";

impl HeartbeatCaller {
    /// Divides the server's installations among this many connections.
    pub(super) fn share_out(server: &mut BenchServer<'_>, connections: u32) -> Vec<Self> {
        let all = std::mem::take(&mut server.installations);
        let count = connections as usize;
        let mut shares: Vec<Vec<Installation>> = (0..count).map(|_| Vec::new()).collect();
        for (at, one) in all.into_iter().enumerate() {
            shares[at % count].push(one);
        }
        shares
            .into_iter()
            .filter(|share| !share.is_empty())
            .map(|own| Self::new(own, &server.trusted))
            .collect()
    }

    fn new(installations: Vec<Installation>, trusted: &Arc<TrustedKeyset>) -> Self {
        Self {
            installations,
            trusted: Arc::clone(trusted),
            at: 0,
            answered: 0,
            once: false,
            keeps_lease: false,
            level: None,
            request: Digest([0; 32]),
            body: Vec::new(),
        }
    }

    /// Sends one heartbeat for each installation.
    pub(super) fn once(self) -> Self {
        Self { once: true, ..self }
    }

    /// Sends one heartbeat for each installation, and keeps the leases.
    pub(super) fn for_leases(self) -> Self {
        Self { keeps_lease: true, ..self.once() }
    }

    /// Returns the installations with their present numbers and leases.
    pub(super) fn into_installations(self) -> Vec<Installation> {
        self.installations
    }
}

impl Caller for HeartbeatCaller {
    fn write_request(&mut self, request: &mut Vec<u8>) -> bool {
        if self.once && self.answered >= self.installations.len() {
            return false;
        }
        let Installation { credential, fpr, number, .. } = &self.installations[self.at];
        // A request that was not answered is sent again with the same number and nonce.
        let number = number + 1;
        self.body.clear();
        let levels = self.level.map(|level| format!(r#","levels":{{"nodes":{level}}}"#)).unwrap_or_default();
        write!(self.body, r#"{{"nonce":"heartbeat-{number:012}","fpr":"{fpr}","version":"2.4.1"{levels}}}"#)
            .expect("writing to memory does not fail");
        let (authorization, hash) = credential.authorize(number, "POST", PATH, &self.body);
        self.request = hash;
        connection::post(request, PATH, Some(&authorization), &self.body);
        true
    }

    fn check_answer(&mut self, status: u16, body: &[u8]) -> Result<(), String> {
        let at = self.at;
        self.at = (at + 1) % self.installations.len();
        self.answered += 1;
        connection::expect(200, status, body)?;
        let installation = &mut self.installations[at];
        installation.number += 1;
        if self.keeps_lease || self.answered.is_multiple_of(64) {
            let answer: kaching_api::HeartbeatAnswer =
                serde_json::from_slice(body).map_err(|error| error.to_string())?;
            self.trusted
                .verify_lease(&answer.lease, &answer_to(self.request), Moment::Answer)
                .map_err(|error| error.to_string())?;
            if self.keeps_lease {
                installation.lease = answer.lease;
            }
        }
        Ok(())
    }
}
