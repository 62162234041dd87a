use std::{collections::BTreeMap, io::Write as _, sync::Arc};

use axum::{Extension, Json, Router, http::StatusCode, routing::post};
use clap::Args;
use kaching_api::{HeartbeatAnswer, HeartbeatRequest};
use kaching_authority::{Entropy as _, SystemEntropy};
use kaching_base::{Base64Url, Secret};
use kaching_license::{Ed25519Signer, RsaSigner, Sign};
use kaching_server::{Listeners, shutdown};
use tokio::task::JoinSet;

use super::{
    disk::{Disk, tell},
    figures::Figures,
    load::{self, Caller, Measure, Measured},
    series::{Load, SWEEP},
    server::{Algorithm, Server, free},
    stand, wire,
};
use crate::{data::DataDir, failure::Failure, serve::Signals, settings, settings::sentence};

/// The least that a heartbeat costs: the same server, JSON in and out, one signature; no credential, no database
#[derive(Args)]
pub(crate) struct Ceiling {
    #[command(flatten)]
    pub(super) load: Load,
    /// What is signed with
    #[arg(long, value_name = "ALG", default_value = "eddsa")]
    pub(super) alg: Algorithm,
}

impl Ceiling {
    pub(super) async fn rows(&self, disk: &Disk) -> Result<Vec<Figures>, Failure> {
        let load = self.load;
        let mut rows: Vec<Figures> = Vec::new();
        rows.extend(self.repeated(disk, load.measure(), load.rate).await?);
        let full = rows.first().and_then(|row| row.rate_per_s).unwrap_or_default();
        for part in SWEEP.iter().filter(|_| load.sweep && full >= 10.0) {
            let open = Measure::Open { span: load.span(), rate: full * part };
            rows.extend(self.repeated(disk, open, Some(full * part)).await?);
        }
        Ok(rows)
    }

    async fn repeated(
        &self,
        disk: &Disk,
        how: Measure,
        offered: Option<f64>,
    ) -> Result<Option<Figures>, Failure> {
        let mut runs = Vec::new();
        for _ in 0..self.load.runs {
            let measured = measure(disk, self.load.connections, how, self.alg).await?;
            runs.push(row(self.load, measured, offered));
        }
        Ok(Figures::median(runs))
    }
}

/// Nothing is stored, so nothing is durable.
fn row(load: Load, measured: Measured, offered: Option<f64>) -> Figures {
    let row = Figures::of("ceiling", None, load.connections, &measured, offered);
    Figures { durable: Some(false), ..row }
}

/// Measures it on a server that does nothing else.
pub(super) async fn measure(
    disk: &Disk,
    connections: u32,
    measure: Measure,
    algorithm: Algorithm,
) -> Result<Measured, Failure> {
    tell("the ceiling");
    let dir = disk.folder()?;
    let data = DataDir::locate(Some(dir.path().to_owned()))?;
    let address = free()?;
    stand::configure(&data, address, address, None)?;
    let server = disk.unless_interrupted(Server::ceiling(data.path(), address, algorithm)).await?;
    let callers = (0..connections).map(|number| Asking { number, sent: 0, body: Vec::new() });
    let measured = disk.unless_interrupted(load::run(address, callers.collect(), measure)).await;
    server.end().await;
    Ok(measured?.0)
}

/// Serves it until it is asked to stop, beside an authority that has nothing to do.
pub(super) async fn serve(data: &DataDir, algorithm: Algorithm) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let config = settings::read(data, &BTreeMap::new())?;
    let listeners = Listeners::bind(&config, None).await.map_err(|error| sentence(&error.to_string()))?;
    let (app, _owned) = stand::open(data).await?;
    let failed = |error: kaching_license::SignError| sentence(&error.to_string());
    let signer: Arc<dyn Sign> = match algorithm {
        Algorithm::Eddsa => {
            Arc::new(Ed25519Signer::from_seed(&Secret::new(SystemEntropy.seed())).map_err(failed)?)
        }
        Algorithm::Rs256 => {
            let key = RsaSigner::generate_pkcs8().map_err(failed)?;
            Arc::new(RsaSigner::from_pkcs8(key.expose()).map_err(failed)?)
        }
    };
    let ready = axum::routing::get(async || StatusCode::OK);
    let routes = Router::new().route(PATH, post(sign)).layer(Extension(signer)).route("/ready", ready);
    let (stop, asked) = shutdown();
    let mut serving = JoinSet::new();
    serving.spawn(listeners.serve_only(routes, app.clone(), asked));
    signals.asked().await;
    stop.now();
    while serving.join_next().await.is_some() {}
    app.authority().close().await;
    Ok(())
}

const PATH: &str = "/ceiling";
/// Bytes that are signed for a lease of the plan that is measured.
const LEASE: usize = 1000;

async fn sign(
    signer: Extension<Arc<dyn Sign>>,
    Json(request): Json<HeartbeatRequest>,
) -> Result<Json<HeartbeatAnswer>, StatusCode> {
    let mut lease = request.nonce;
    lease.push_str(&"-".repeat(LEASE.saturating_sub(lease.len())));
    let signature = signer.sign(lease.as_bytes()).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    lease.push('.');
    Base64Url(signature).append_to(&mut lease);
    Ok(Json(HeartbeatAnswer { lease, quotas: Vec::new(), consistency: None, warnings: Vec::new() }))
}

/// Sends what a heartbeat sends, its credential apart.
struct Asking {
    number: u32,
    sent: u64,
    body: Vec<u8>,
}

impl Caller for Asking {
    fn ask(&mut self, request: &mut Vec<u8>) -> bool {
        let (number, sent) = (self.number, self.sent);
        self.body.clear();
        write!(self.body, r#"{{"nonce":"heartbeat-{sent:012}","fpr":"{number:043}","version":"2.4.1"}}"#)
            .expect("memory takes every write");
        wire::post(request, PATH, None, &self.body);
        self.sent += 1;
        true
    }

    fn hear(&mut self, status: u16, body: &[u8]) -> Result<(), String> {
        wire::expect(200, status, body)
    }
}
