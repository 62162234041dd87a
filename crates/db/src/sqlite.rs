//! A file: one thread writes, several read, one moves the write-ahead log into the file.

mod checkpoint;
mod fault;
mod file;
mod open;
mod reader;
pub(crate) mod statement;
mod writer;

use std::{path::PathBuf, sync::Arc, thread};

use crossbeam_channel::bounded;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use crate::{
    Config, Error, Metrics, Result,
    job::Job,
    queues::{Queues, Started},
};

/// Opens every connection and starts their threads.
pub(crate) async fn start(path: PathBuf, config: &Config, metrics: Metrics) -> Result<Started> {
    let (write, writes) = bounded::<Job>(config.queue.max(1));
    let (read, reads) = bounded::<Job>(config.queue.max(1));
    let (fail, fatal) = watch::channel(None);
    let (alive, threads) = mpsc::channel(1);
    let (opened, answer) = oneshot::channel();
    let (readers, max_bytes) = (config.readers.max(1), config.max_bytes);
    spawn("db-open", move || {
        let started = open::connections(&path, readers, max_bytes).and_then(|connections| {
            let (due, dues) = bounded(1);
            let tail = checkpoint::Tail::default();
            let file = Arc::new(connections.file);
            let checkpoint = checkpoint::Checkpoint::new(
                connections.checkpoint,
                Arc::clone(&file),
                fail.clone(),
                tail.clone(),
                metrics,
            )
            .map_err(|e| fault::meaning("open", e))?;
            // Each of the others holds one end until its connection is closed.
            let (other, others) = bounded::<()>(1);
            let schedule = checkpoint::CheckpointSchedule::new(&path, due);
            let writer = writer::Writer::new(connections.writer, writes, fail, schedule, tail);
            spawn("db-writer", move || {
                let connection = writer.run();
                // The last to close moves the whole log into the file and removes it, which a reader cannot.
                let _ = others.recv();
                drop(connection);
                drop(file);
                drop(alive);
            })?;
            let held = other.clone();
            spawn("db-checkpoint", move || {
                checkpoint.run(&dues);
                drop(held);
            })?;
            connections.readers.into_iter().try_for_each(|connection| {
                let (reads, held) = (reads.clone(), other.clone());
                spawn("db-reader", move || {
                    reader::run(&connection, &reads);
                    drop(connection);
                    drop(held);
                })
            })
        });
        // The caller may have gone away: then the queues are gone, too, and the threads end.
        let _ = opened.send(started);
    })?;
    answer.await.map_err(|_| Error::Unavailable("it could not be opened".to_owned()))??;
    Ok(Started { queues: Queues { write, read }, fatal, threads })
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(body);
    spawned.map(drop).map_err(|e| Error::Unavailable(format!("no thread for it: {e}")))
}

/// Begins or ends a transaction, or a savepoint in it.
fn control(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}
