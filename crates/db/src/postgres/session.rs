use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use postgres::{Client, error::SqlState};

use super::{connect::Warned, fault};
use crate::{Engine, Error, Param, Result, Statement, error::Fault, metrics::TxKind, moment, sql::dialect};

/// One connection with the statements that it has prepared.
pub(crate) struct Session {
    client: Client,
    warned: Warned,
    prepared: HashMap<Box<str>, postgres::Statement>,
}

/// Prepared statements that a connection keeps: more than the product has, so that only lists come and go.
const STATEMENTS: usize = 256;

/// Every statement has an index that leads to its rows, in their order where a page of them is read. For a table
/// without statistics, or a statement whose values come later, the planner estimates that a full scan and a sort cost
/// less, which takes seconds with a million rows; for a small table, it prefers a full scan for the rows of 64
/// heartbeats.
const BY_INDEX: &str = "set enable_seqscan = off; set enable_bitmapscan = off; set enable_hashjoin = off;
    set enable_mergejoin = off; set max_parallel_workers_per_gather = 0; set jit = off";

/// The outcome of a COMMIT that did not succeed.
pub(super) enum CommitFailure {
    /// The server undid it, and may be asked again, or not.
    Undone(Fault),
    /// Its answer did not arrive, or says that a standby may not have it.
    Unknown,
}

impl Session {
    pub(super) fn new((mut client, warned): (Client, Warned)) -> Result<Self> {
        client.batch_execute(BY_INDEX).map_err(|error| Error::Unavailable(fault::reason(&error)))?;
        Ok(Self { client, warned, prepared: HashMap::new() })
    }

    /// Begins a transaction that the server itself ends at the deadline.
    pub(super) fn begin(&mut self, name: &'static str, kind: TxKind, deadline: Instant) -> Result<(), Fault> {
        let left =
            deadline.saturating_duration_since(moment::now()).max(Duration::from_millis(1)).as_millis();
        let (mode, then) = match kind {
            TxKind::Write => ("read committed", ""),
            // One state of the database, as SQLite shows it.
            TxKind::Read => ("repeatable read", "; set transaction read only"),
        };
        // A read asks for a writable server, too: behind a pooler a connection may have come to a standby,
        // which may be behind the primary.
        let begin = format!(
            "begin isolation level {mode}, read write; set local statement_timeout = {left};
             set local lock_timeout = {left}; set local idle_in_transaction_session_timeout = {}{then}",
            left + 1000
        );
        self.client.batch_execute(&begin).map_err(|error| match error.code() {
            Some(code) if *code == SqlState::FEATURE_NOT_SUPPORTED => {
                Fault::Lost("the server is a read-only standby by now".to_owned())
            }
            _ => fault::of(name, &error),
        })
    }

    pub(super) fn commit(&mut self, name: &'static str) -> Result<(), CommitFailure> {
        self.warned.take();
        match self.client.batch_execute("commit") {
            // "The transaction has already committed locally, but might not have been replicated to the standby."
            Ok(()) if self.warned.take() => Err(CommitFailure::Unknown),
            Ok(()) => Ok(()),
            Err(error) => match fault::of(name, &error) {
                Fault::Lost(_) => Err(CommitFailure::Unknown),
                undone => Err(CommitFailure::Undone(undone)),
            },
        }
    }

    pub(super) fn rollback(&mut self, name: &'static str) -> Result<(), Fault> {
        self.script(name, "rollback")
    }

    /// Forgets the prepared statements: a migration has changed what they were prepared for.
    pub(super) fn forget(&mut self) {
        self.prepared.clear();
    }

    pub(crate) fn execute(
        &mut self,
        name: &'static str,
        sql: Statement<'_>,
        params: &[Param<'_>],
    ) -> Result<u64, Fault> {
        let statement = self.prepared(name, sql)?;
        self.client.execute(&statement, &borrowed(params)).map_err(|e| fault::of(name, &e))
    }

    /// Hands each row to `take` until it says no.
    pub(crate) fn each(
        &mut self,
        name: &'static str,
        sql: Statement<'_>,
        params: &[Param<'_>],
        mut take: impl FnMut(&postgres::Row) -> bool,
    ) -> Result<(), Fault> {
        let statement = self.prepared(name, sql)?;
        let rows = self.client.query(&statement, &borrowed(params)).map_err(|e| fault::of(name, &e))?;
        rows.iter().all(&mut take);
        Ok(())
    }

    pub(crate) fn prepare(&mut self, name: &'static str, sql: Statement<'_>) -> Result<usize, Fault> {
        self.prepared(name, sql).map(|statement| statement.params().len())
    }

    pub(crate) fn script(&mut self, name: &'static str, sql: &str) -> Result<(), Fault> {
        self.client.batch_execute(sql).map_err(|e| fault::of(name, &e))
    }

    fn prepared(&mut self, name: &'static str, sql: Statement<'_>) -> Result<postgres::Statement, Fault> {
        if let Some(statement) = self.prepared.get(sql.0) {
            return Ok(statement.clone());
        }
        let statement =
            self.client.prepare(&dialect(Engine::Postgres, sql.0)).map_err(|e| fault::of(name, &e))?;
        if self.prepared.len() >= STATEMENTS {
            self.prepared.clear();
        }
        self.prepared.insert(sql.0.into(), statement.clone());
        Ok(statement)
    }
}

fn borrowed<'p>(params: &'p [Param<'p>]) -> Vec<&'p (dyn postgres::types::ToSql + Sync)> {
    params.iter().map(|param| param as _).collect()
}

impl From<Error> for CommitFailure {
    fn from(error: Error) -> Self {
        Self::Undone(Fault::Final(error))
    }
}
