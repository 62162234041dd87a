use std::{io::Write as _, sync::Arc, time::Duration};

use axum::{Extension, Json, Router, http::StatusCode, routing::post};
use clap::Args;
use kaching_api::{HeartbeatAnswer, HeartbeatRequest};
use kaching_authority::{Entropy as _, SystemEntropy};
use kaching_base::{Base64Url, Secret};
use kaching_license::{Ed25519Signer, Sign as _};
use kaching_server::{Listeners, shutdown};
use tokio::task::JoinSet;

use super::{
    Load,
    figures::{self, Figures},
    load::{self, Caller, Measure, Measured},
    stand::{Disk, Stand, loopback, tell},
    wire,
};
use crate::{failure::Failure, output::Output, settings::sentence};

/// The least that a heartbeat costs: the same server, JSON in and out, one signature; no credential, no database
#[derive(Args)]
pub(crate) struct Ceiling {
    #[command(flatten)]
    load: Load,
}

impl Ceiling {
    pub(super) async fn run(self, disk: &Disk, output: &Output) -> Result<(), Failure> {
        let stand = Stand::sqlite(disk).await?;
        let measured = measure(&stand, self.load.connections, self.load.span()).await;
        stand.strike().await;
        // Nothing is stored, so nothing is durable.
        let row = Figures::of("ceiling", None, self.load.connections, &measured?, false);
        figures::print(&[row], output)
    }
}

/// Measures it beside an authority that has nothing to do.
pub(super) async fn measure(stand: &Stand, connections: u32, span: Duration) -> Result<Measured, Failure> {
    tell(&format!("{}: {} s of the ceiling", stand.engine, span.as_secs_f64()));
    let listeners =
        Listeners::bind(&loopback()?, None).await.map_err(|error| sentence(&error.to_string()))?;
    let address = listeners.addresses().product;
    let signer = Ed25519Signer::from_seed(&Secret::new(SystemEntropy.seed()))
        .map_err(|error| sentence(&error.to_string()))?;
    let routes = Router::new().route(PATH, post(sign)).layer(Extension(Arc::new(signer)));
    let (stop, asked) = shutdown();
    let mut serving = JoinSet::new();
    serving.spawn(listeners.serve_only(routes, stand.app.clone(), asked));
    let callers = (0..connections).map(|number| Asking { number, sent: 0, body: Vec::new() });
    let measured = stand.unless_interrupted(load::run(address, callers.collect(), Measure::For(span))).await;
    stop.now();
    while serving.join_next().await.is_some() {}
    measured.map(|(measured, _)| measured)
}

const PATH: &str = "/ceiling";
/// Bytes that are signed for a lease of the plan that is measured.
const LEASE: usize = 1000;

async fn sign(
    signer: Extension<Arc<Ed25519Signer>>,
    Json(request): Json<HeartbeatRequest>,
) -> Result<Json<HeartbeatAnswer>, StatusCode> {
    let mut lease = format!("{:-<LEASE$}", request.nonce);
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
