use std::{io::Write as _, sync::Arc};

use clap::Args;
use kaching_license::{Digest, Moment, TrustedKeyset};

use super::{
    Load,
    activate::{Installation, prepare},
    ceiling,
    engines::Engines,
    figures::{self, Figures},
    load::{Caller, Measure},
    stand::{Disk, Stand, answer_to, tell},
    wire,
};
use crate::{failure::Failure, output::Output};

/// Heartbeats of many installations: each a new number, nonce and mac, each answered with a signed lease
#[derive(Args)]
pub(crate) struct Heartbeat {
    #[command(flatten)]
    load: Load,
    /// Installations, activated before the clock starts
    #[arg(long, value_name = "N", default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    installations: u32,
    #[command(flatten)]
    engines: Engines,
}

impl Heartbeat {
    pub(super) async fn run(self, disk: &Disk, output: &Output) -> Result<(), Failure> {
        let load = self.load;
        let rows = self.engines.each(disk, async |stand: &Stand| {
            let installations = prepare(stand, load.connections, self.installations).await?;
            // Half of it before and half of it after, as the machine may have become busier in between.
            let before = ceiling::measure(stand, load.connections, load.span() / 2).await?;
            tell(&format!("{}: {} s of heartbeats", stand.engine, load.seconds));
            let callers = installations.into_iter().map(|own| Beating::new(own, &stand.trusted)).collect();
            let (measured, _) = stand.load(callers, Measure::For(load.span())).await?;
            let figures =
                Figures::of("heartbeat", Some(stand.engine), load.connections, &measured, stand.durable());
            let after = ceiling::measure(stand, load.connections, load.span() / 2).await?;
            Ok(figures.against((before.rate() + after.rate()) / 2.0))
        });
        figures::print(&rows.await?, output)
    }
}

/// The heartbeats of some installations in turn.
struct Beating {
    installations: Vec<Installation>,
    trusted: Arc<TrustedKeyset>,
    /// How many were sent.
    sent: usize,
    /// What the lease must answer.
    request: Digest,
    body: Vec<u8>,
}

const PATH: &str = "/v1/heartbeat";

impl Beating {
    fn new(installations: Vec<Installation>, trusted: &Arc<TrustedKeyset>) -> Self {
        Self {
            installations,
            trusted: Arc::clone(trusted),
            sent: 0,
            request: Digest([0; 32]),
            body: Vec::new(),
        }
    }
}

impl Caller for Beating {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        let count = self.installations.len();
        let (number, at) = (self.sent / count + 1, self.sent % count);
        let Installation { credential, fpr } = &self.installations[at];
        self.body.clear();
        write!(self.body, r#"{{"nonce":"heartbeat-{number:012}","fpr":"{fpr}","version":"2.4.1"}}"#)
            .expect("memory takes every write");
        let (authorization, hash) = credential.authorize(number as u64, "POST", PATH, &self.body);
        self.request = hash;
        wire::post(request, PATH, Some(&authorization), &self.body);
        self.sent += 1;
        true
    }

    fn hear(&mut self, status: u16, body: &[u8]) -> Result<(), String> {
        wire::expect(200, status, body)?;
        if self.sent.is_multiple_of(64) {
            let answer: kaching_api::HeartbeatAnswer =
                serde_json::from_slice(body).map_err(|error| error.to_string())?;
            self.trusted
                .verify_lease(&answer.lease, &answer_to(self.request), Moment::Answer)
                .map_err(|error| error.to_string())?;
        }
        Ok(())
    }
}
