//! A file: one thread writes, several read, one moves the write-ahead log into the file.

mod checkpoint;
mod fault;
mod file;
mod open;
mod reader;
mod writer;

use std::{path::PathBuf, sync::Arc, thread};

use crossbeam_channel::bounded;
use tokio::sync::{mpsc, oneshot, watch};

pub(crate) use rusqlite::Connection;

use crate::{
    Config, Engine, Error, Metrics, Param, Result, Statement, database::Started, error::Fault, job::Job,
    place, sql::dialect,
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
            let pace = checkpoint::Pace::new(&path, due);
            let writer = writer::Writer::new(connections.writer, writes, fail, pace, tail);
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
        // Whoever opened it may have gone away: then the queues are gone, too, and the threads end.
        let _ = opened.send(started);
    })?;
    answer.await.map_err(|_| Error::Unavailable("it could not be opened".to_owned()))??;
    Ok(Started { write, read, fatal, threads })
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<()> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(body);
    spawned.map(drop).map_err(|e| Error::Unavailable(format!("no thread for it: {e}")))
}

pub(crate) fn execute(
    connection: &Connection,
    name: &'static str,
    sql: Statement<'_>,
    params: &[Param<'_>],
) -> Result<u64, Fault> {
    let run = |text: &str| connection.prepare_cached(text)?.execute(rusqlite::params_from_iter(params));
    let rows = hinted(sql, run, |rows| *rows > 0).map_err(|e| fault::of(name, e))?;
    Ok(rows as u64)
}

/// Hands each row to `take` until it says no.
pub(crate) fn each(
    connection: &Connection,
    name: &'static str,
    sql: Statement<'_>,
    params: &[Param<'_>],
    mut take: impl FnMut(&rusqlite::Row<'_>) -> bool,
) -> Result<(), Fault> {
    let run = |text: &str| {
        let mut statement = connection.prepare_cached(text)?;
        let mut rows = statement.query(rusqlite::params_from_iter(params))?;
        let mut found = false;
        while let Some(row) = rows.next()? {
            found = true;
            if !take(row) {
                break;
            }
        }
        Ok(found)
    };
    hinted(sql, run, |found| *found).map(drop).map_err(|e| fault::of(name, e))
}

/// Runs a statement as its hints say where it has any, and without them where that found nothing, or a place taken.
fn hinted<T>(
    sql: Statement<'_>,
    mut run: impl FnMut(&str) -> rusqlite::Result<T>,
    found: impl Fn(&T) -> bool,
) -> rusqlite::Result<T> {
    let text = dialect(Engine::Sqlite, sql.0);
    if let Some(placed) = place::placed(&text) {
        match run(&placed) {
            Ok(outcome) if found(&outcome) => return Ok(outcome),
            Err(error) if !place::is_taken(&error) => return Err(error),
            _ => {}
        }
    }
    run(&text)
}

pub(crate) fn prepare(
    connection: &Connection,
    name: &'static str,
    sql: Statement<'_>,
) -> Result<usize, Fault> {
    let text = dialect(Engine::Sqlite, sql.0);
    let prepare = |text: &str| connection.prepare_cached(text).map(|statement| statement.parameter_count());
    let placed = place::placed(&text).map_or(Ok(0), |placed| prepare(&placed));
    placed.and_then(|_| prepare(&text)).map_err(|e| fault::of(name, e))
}

/// Begins or ends a transaction, or a savepoint in it.
fn control(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

pub(crate) fn script(connection: &Connection, name: &'static str, sql: &str) -> Result<(), Fault> {
    connection.execute_batch(sql).map_err(|e| fault::of(name, e))
}
