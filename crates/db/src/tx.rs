use std::time::Instant;

use rusqlite::Connection;

use crate::{
    Engine, Error, Param, Result, Row, Statement, error::Fault, moment, postgres::Session, row::EngineRow,
    sqlite::statement,
};

/// A transaction that is under way, the same on both engines.
///
/// A statement that fails ends it, whatever the closure makes of the error: every later statement fails with the
/// same error, and nothing is committed. To handle a conflict without a failure, write `on conflict do nothing` and
/// check the number of rows.
pub struct Tx<'c> {
    name: &'static str,
    connection: Link<'c>,
    deadline: Instant,
    fault: Option<Fault>,
    wrote: bool,
}

pub(crate) enum Link<'c> {
    Sqlite(&'c Connection),
    Postgres(&'c mut Session),
}

impl<'c> Tx<'c> {
    pub(crate) fn new(name: &'static str, connection: Link<'c>, deadline: Instant) -> Self {
        Self { name, connection, deadline, fault: None, wrote: false }
    }

    /// Whether anything was asked to be written by a statement that answers with no rows.
    pub(crate) fn wrote(&self) -> bool {
        self.wrote
    }

    /// The fault of the statement that ended the transaction, if one did.
    pub(crate) fn into_fault(self) -> Option<Fault> {
        self.fault
    }

    /// The engine that this runs on. Few places differ between the engines; they ask this.
    pub fn engine(&self) -> Engine {
        match self.connection {
            Link::Sqlite(_) => Engine::Sqlite,
            Link::Postgres(_) => Engine::Postgres,
        }
    }

    /// The name that the transaction was begun with.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Runs a statement that answers with no rows, and returns how many rows it changed.
    ///
    /// # Errors
    /// As the database answers.
    pub fn execute<'s>(&mut self, sql: impl Into<Statement<'s>>, params: &[Param<'_>]) -> Result<u64> {
        let sql = sql.into();
        self.wrote = true;
        self.guarded(|name, connection| match connection {
            Link::Sqlite(connection) => statement::execute(connection, name, sql, params),
            Link::Postgres(session) => session.execute(name, sql, params),
        })
    }

    /// Every row of the answer, in order.
    ///
    /// # Errors
    /// As the database answers, or as `map` does.
    pub fn query_all<'s, T>(
        &mut self,
        sql: impl Into<Statement<'s>>,
        params: &[Param<'_>],
        mut map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut found = Vec::new();
        self.each(sql.into(), params, |row| {
            found.push(map(row)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// The one row of the answer; `None` if there is no row.
    ///
    /// # Errors
    /// As the database answers, or as `map` does, or if there are several rows.
    pub fn query_opt<'s, T>(
        &mut self,
        sql: impl Into<Statement<'s>>,
        params: &[Param<'_>],
        mut map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        let name = self.name;
        let mut found = None;
        self.each(sql.into(), params, |row| {
            if found.is_some() {
                return Err(Error::Statement { name, reason: "more than one row was found".to_owned() });
            }
            found = Some(map(row)?);
            Ok(())
        })?;
        Ok(found)
    }

    /// The one row of the answer.
    ///
    /// # Errors
    /// As the database answers, or as `map` does, or if there is not exactly one row.
    pub fn query_one<'s, T>(
        &mut self,
        sql: impl Into<Statement<'s>>,
        params: &[Param<'_>],
        map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        let name = self.name;
        self.query_opt(sql, params, map)?
            .ok_or_else(|| Error::Statement { name, reason: "no row was found".to_owned() })
    }

    /// Prepares a statement without running it, and returns how many parameters it takes: for the test that does
    /// this with every statement on both engines.
    ///
    /// # Errors
    /// If the database does not accept it.
    pub fn prepare<'s>(&mut self, sql: impl Into<Statement<'s>>) -> Result<usize> {
        let sql = sql.into();
        self.guarded(|name, connection| match connection {
            Link::Sqlite(connection) => statement::prepare(connection, name, sql),
            Link::Postgres(session) => session.prepare(name, sql),
        })
    }

    /// Runs a script of several statements without parameters: a migration.
    pub(crate) fn script(&mut self, sql: &str) -> Result<()> {
        self.wrote = true;
        self.guarded(|name, connection| match connection {
            Link::Sqlite(connection) => statement::script(connection, name, sql),
            Link::Postgres(session) => session.script(name, sql),
        })
    }

    fn each(
        &mut self,
        sql: Statement<'_>,
        params: &[Param<'_>],
        mut take: impl FnMut(&Row<'_>) -> Result<()>,
    ) -> Result<()> {
        // An error of `take` is not the database's: the transaction could go on.
        let mut taken = Ok(());
        self.guarded(|name, connection| match connection {
            Link::Sqlite(connection) => statement::each(connection, name, sql, params, |row| {
                taken = take(&Row(EngineRow::Sqlite(row)));
                taken.is_ok()
            }),
            Link::Postgres(session) => session.each(name, sql, params, |row| {
                taken = take(&Row(EngineRow::Postgres(row)));
                taken.is_ok()
            }),
        })?;
        taken
    }

    fn guarded<T>(&mut self, run: impl FnOnce(&'static str, &mut Link<'c>) -> Result<T, Fault>) -> Result<T> {
        if let Some(fault) = &self.fault {
            return Err(fault.error());
        }
        let outcome = if moment::now() > self.deadline {
            Err(Fault::Final(Error::Deadline))
        } else {
            run(self.name, &mut self.connection)
        };
        outcome.map_err(|fault| {
            let error = fault.error();
            self.fault = Some(fault);
            error
        })
    }
}
