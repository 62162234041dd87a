//! A process of clients.

use std::{
    io::{self, BufRead as _, Write as _},
    net::SocketAddr,
    time::{Duration, Instant},
};

use kaching_api::ActivateAnswer;
use kaching_authority::{Entropy as _, SystemEntropy};
use kaching_license::{Credential, Digest};
use tokio::task::JoinSet;

use super::{Outcome, Task};
use crate::{bench_server::PRODUCT, connection, connection::Connection, load::now};
use kaching_command::{failure::Failure, serve::descriptors};

/// The line that reports that all clients are activated.
pub(super) const READY: &str = "ready";

/// Connections over which they activate.
const LANES: u32 = 32;
/// The time that kaching-client waits for an answer.
const CALL: Duration = Duration::from_secs(10);
/// Its first and its longest backoff: a random time up to a bound that doubles with each failure.
const BACKOFF: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));
/// The longest time of a measurement.
const PATIENCE: Duration = Duration::from_secs(120);

pub(super) async fn run() -> Result<(), Failure> {
    descriptors::raise();
    let mut lines = io::stdin().lock().lines();
    let task = lines.next().transpose()?.unwrap_or_default();
    let task: Task = serde_json::from_str(&task).map_err(|error| Failure::usage(error.to_string()))?;
    let heartbeats = activate(&task).await?;
    say(READY)?;
    // The parent decides when all connect.
    lines.next().transpose()?;
    let outcome = run_clients(task.address, heartbeats).await;
    let text = serde_json::to_string(&outcome).map_err(|error| Failure::refused(error.to_string()))?;
    say(&text)
}

fn say(line: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Activates all clients, and returns the heartbeat that each sends.
async fn activate(task: &Task) -> Result<Vec<Vec<u8>>, Failure> {
    let mut lanes = JoinSet::new();
    for lane in 0..LANES.min(task.clients) {
        let numbers = (task.first + lane..task.first + task.clients).step_by(LANES as usize);
        let (address, keys, numbers) = (task.address, task.keys.clone(), numbers.collect::<Vec<_>>());
        lanes.spawn(async move {
            let mut connection = Connection::connect(address).await.map_err(|error| error.to_string())?;
            let mut made = Vec::with_capacity(numbers.len());
            for number in numbers {
                let key =
                    keys.get(number as usize % keys.len().max(1)).map(String::as_str).unwrap_or_default();
                made.push(one(&mut connection, key, number).await?);
            }
            Ok::<_, String>(made)
        });
    }
    let mut made = Vec::with_capacity(task.clients as usize);
    while let Some(lane) = lanes.join_next().await {
        let lane = lane.map_err(|error| error.to_string()).and_then(|lane| lane);
        made.extend(
            lane.map_err(|error| Failure::refused(format!("A client could not be activated: {error}.")))?,
        );
    }
    Ok(made)
}

/// Activates one client, and returns its heartbeat, which stays the same when it is repeated.
async fn one(connection: &mut Connection, key: &str, number: u32) -> Result<Vec<u8>, String> {
    let fingerprint = format!("herd-{number}");
    let body = format!(
        r#"{{"license_key":"{key}","product":"{PRODUCT}","fingerprint":"{fingerprint}","kind":"cluster","nonce":"activate-{number:012}"}}"#
    );
    let mut request = Vec::new();
    connection::post(&mut request, "/v1/activate", None, body.as_bytes());
    let (status, answer) = connection.exchange(&request).await.map_err(|error| error.to_string())?;
    connection::expect(201, status, answer)?;
    let answer: ActivateAnswer = serde_json::from_slice(answer).map_err(|error| error.to_string())?;
    let credential = Credential::parse(answer.credential.expose()).map_err(|error| error.to_string())?;
    let body = format!(r#"{{"nonce":"heartbeat-{number:012}","fpr":"{}"}}"#, Digest::of(&fingerprint));
    let (authorization, _) = credential.authorize(1, "POST", "/v1/heartbeat", body.as_bytes());
    request.clear();
    connection::post(&mut request, "/v1/heartbeat", Some(&authorization), body.as_bytes());
    Ok(request)
}

/// Runs all clients together until each has its lease.
async fn run_clients(address: SocketAddr, heartbeats: Vec<Vec<u8>>) -> Outcome {
    let began = now();
    let mut clients = JoinSet::new();
    for heartbeat in heartbeats {
        clients.spawn(client(address, heartbeat, began));
    }
    let (mut outcome, mut connections) = (Outcome::default(), Vec::new());
    let all = async {
        while let Some(client) = clients.join_next().await {
            let Ok((one, connection)) = client else { continue };
            outcome.micros.extend(one.micros);
            outcome.shed += one.shed;
            outcome.limited += one.limited;
            outcome.broken += one.broken;
            outcome.refused += one.refused;
            outcome.refusal = outcome.refusal.take().or(one.refusal);
            // A client that has its lease keeps its connection for the next call.
            connections.extend(connection);
        }
    };
    // Clients without a lease by then are missing from the outcome.
    let _ = tokio::time::timeout(PATIENCE, all).await;
    outcome
}

/// Sends the heartbeat until there is a lease, with the backoff of kaching-client.
async fn client(address: SocketAddr, heartbeat: Vec<u8>, began: Instant) -> (Outcome, Option<Connection>) {
    let mut outcome = Outcome::default();
    for failures in 0.. {
        let mut asked = None;
        match tokio::time::timeout(CALL, ask(address, &heartbeat)).await {
            Ok(Ok((200, _, connection))) => {
                outcome.micros.push(u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX));
                return (outcome, Some(connection));
            }
            Ok(Ok((status @ (429 | 503), body, _))) => {
                *(if status == 503 { &mut outcome.shed } else { &mut outcome.limited }) += 1;
                let problem: Option<kaching_api::Problem> = serde_json::from_slice(&body).ok();
                asked = problem.and_then(|problem| problem.retry_after_s).map(Duration::from_secs);
            }
            Ok(Ok((status, body, _))) => {
                outcome.refused += 1;
                outcome.refusal = Some(format!("{status}: {}", String::from_utf8_lossy(&body)));
                return (outcome, None);
            }
            Ok(Err(_)) | Err(_) => outcome.broken += 1,
        }
        let (first, longest) = BACKOFF;
        let bound = first.saturating_mul(1 << failures.min(16)).min(longest);
        let backoff = first + bound.saturating_sub(first).mul_f64(random());
        tokio::time::sleep(backoff.max(asked.unwrap_or_default())).await;
    }
    (outcome, None)
}

async fn ask(address: SocketAddr, request: &[u8]) -> io::Result<(u16, Vec<u8>, Connection)> {
    let mut connection = Connection::connect(address).await?;
    let (status, body) = connection.exchange(request).await?;
    let body = if status == 200 { Vec::new() } else { body.to_vec() };
    Ok((status, body, connection))
}

/// From 0 to below 1.
fn random() -> f64 {
    let [a, b, c, d, ..] = SystemEntropy.seed();
    f64::from(u32::from_be_bytes([a, b, c, d])) / 4_294_967_296.0
}
