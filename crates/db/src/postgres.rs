//! A server: threads that own one connection each.

mod address;
mod check;
mod connect;
mod fault;
mod session;
mod tls;
mod worker;

use std::thread;

use crossbeam_channel::bounded;
use tokio::sync::{mpsc, oneshot, watch};

pub(crate) use session::Session;

use crate::{
    Config, Error, Result,
    job::Job,
    metrics::TxKind,
    queues::{Queues, Started},
};

/// Connects once, to say early what is wrong, and starts the threads.
pub(crate) async fn start(url: &str, config: &Config) -> Result<Started> {
    let server = connect::Server::new(url, config.deadline)?;
    let (write, writes) = bounded::<Job>(config.queue.max(1));
    let (read, reads) = bounded::<Job>(config.queue.max(1));
    let (alive, threads) = mpsc::channel(1);
    let (connected, answer) = oneshot::channel();
    let mut connected = Some(connected);
    for number in 0..config.writers.max(1) + config.readers.max(1) {
        let writes_too = number < config.writers.max(1);
        let (kind, jobs) =
            if writes_too { (TxKind::Write, writes.clone()) } else { (TxKind::Read, reads.clone()) };
        let (server, alive, connected) = (server.clone(), alive.clone(), connected.take());
        // The connection must be made inside its thread: the synchronous client may not be used by async code.
        let spawned = thread::Builder::new().name(format!("db-{number}")).spawn(move || {
            let mut worker = worker::Worker::new(server, kind);
            let usable = connected.is_none_or(|connected| connected.send(worker.begin()).is_ok());
            if usable {
                worker.run(&jobs);
            }
            drop(worker);
            drop(alive);
        });
        spawned.map_err(|e| Error::Unavailable(format!("no thread for it: {e}")))?;
    }
    answer.await.map_err(|_| Error::Unavailable("it could not be opened".to_owned()))??;
    // A server that fails is reached again or replaced: nothing ends the process.
    let (_, fatal) = watch::channel(None);
    Ok(Started { queues: Queues { write, read }, fatal, threads })
}
