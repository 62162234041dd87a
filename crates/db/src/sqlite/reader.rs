use crossbeam_channel::Receiver;
use rusqlite::Connection;

use super::{control, fault};
use crate::{
    Error, Result,
    job::{Job, Ran},
    tx::Link,
};

/// Answers reads, each on one state of the file, until the queue is closed and empty.
pub(super) fn run(connection: &Connection, jobs: &Receiver<Job>) {
    for job in jobs {
        if let Some(mut job) = job.claimed() {
            let outcome = read(connection, &mut job);
            job.finish(outcome);
        }
    }
}

fn read(connection: &Connection, job: &mut Job) -> Result<()> {
    control(connection, "begin").map_err(|e| fault::meaning(job.name, e))?;
    let ran = job.run(Link::Sqlite(connection));
    if !connection.is_autocommit() {
        control(connection, "rollback").map_err(|e| fault::meaning(job.name, e))?;
    }
    match ran {
        Ran::Keep | Ran::Undo | Ran::Fault(_, false) => Ok(()),
        Ran::Fault(fault, true) => Err(fault.error()),
        Ran::Panicked => Err(Error::Panicked),
    }
}
