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
    bench_server, connection,
    disk::Disk,
    figures::Figures,
    load::{self, Caller, LoadPattern, LoadResult},
    series::{Load, SWEEP},
    server_process::{Algorithm, ServerProcess, free_address},
};
use kaching_command::{data_dir::DataDir, failure::Failure, output::show_progress, serve::Signals, settings};

/// The least that a heartbeat costs: the same server, JSON in and out, one signature; no credential, no database
#[derive(Args)]
pub struct Ceiling {
    #[command(flatten)]
    pub(super) load: Load,
    /// The algorithm that signs
    #[arg(long, value_name = "ALG", default_value = "eddsa")]
    pub(super) alg: Algorithm,
}

impl Ceiling {
    pub(super) async fn rows(&self, disk: &Disk) -> Result<Vec<Figures>, Failure> {
        let load = self.load;
        let mut rows: Vec<Figures> = Vec::new();
        rows.extend(self.run_repeatedly(disk, load.pattern(), load.rate).await?);
        let full = rows.first().and_then(|row| row.rate_per_s).unwrap_or_default();
        for part in SWEEP.iter().filter(|_| load.sweep && full >= 10.0) {
            let open = LoadPattern::Open { span: load.span(), rate: full * part };
            rows.extend(self.run_repeatedly(disk, open, Some(full * part)).await?);
        }
        Ok(rows)
    }

    async fn run_repeatedly(
        &self,
        disk: &Disk,
        how: LoadPattern,
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

/// Returns the row, which is not durable, since nothing is stored.
fn row(load: Load, measured: LoadResult, offered: Option<f64>) -> Figures {
    let row = Figures::of_load("ceiling", None, load.connections, &measured, offered);
    Figures { durable: Some(false), ..row }
}

/// Measures the ceiling on a server that answers nothing else.
pub(super) async fn measure(
    disk: &Disk,
    connections: u32,
    measure: LoadPattern,
    algorithm: Algorithm,
) -> Result<LoadResult, Failure> {
    show_progress("the ceiling");
    let dir = disk.create_folder()?;
    let data = DataDir::locate(Some(dir.path().to_owned()))?;
    let address = free_address()?;
    bench_server::configure(&data, address, address, None)?;
    let server =
        disk.unless_interrupted(ServerProcess::start_ceiling(data.path(), address, algorithm)).await?;
    let callers = (0..connections).map(|number| CeilingCaller { number, sent: 0, body: Vec::new() });
    let measured = disk.unless_interrupted(load::run(address, callers.collect(), measure)).await;
    server.stop().await;
    Ok(measured?.0)
}

/// Serves the ceiling until a signal stops it. The authority in the same process is idle.
pub(super) async fn serve(data: &DataDir, algorithm: Algorithm) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    let config = settings::read(data, &BTreeMap::new())?;
    let listeners = Listeners::bind(&config, None).await.map_err(Failure::from_error)?;
    let (app, _owned) = bench_server::open(data).await?;
    let failed = |error: kaching_license::SignError| Failure::from_error(error);
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
    signals.requested().await;
    stop.now();
    while serving.join_next().await.is_some() {}
    app.authority().close().await;
    Ok(())
}

const PATH: &str = "/ceiling";
/// The length of a lease of the measured plan in bytes.
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

/// Sends the body of a heartbeat, without a credential.
struct CeilingCaller {
    number: u32,
    sent: u64,
    body: Vec<u8>,
}

impl Caller for CeilingCaller {
    fn write_request(&mut self, request: &mut Vec<u8>) -> bool {
        let (number, sent) = (self.number, self.sent);
        self.body.clear();
        write!(self.body, r#"{{"nonce":"heartbeat-{sent:012}","fpr":"{number:043}","version":"2.4.1"}}"#)
            .expect("writing to memory does not fail");
        connection::post(request, PATH, None, &self.body);
        self.sent += 1;
        true
    }

    fn check_answer(&mut self, status: u16, body: &[u8]) -> Result<(), String> {
        connection::expect(200, status, body)
    }
}
