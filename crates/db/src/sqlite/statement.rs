//! Runs the statements of a transaction.

use rusqlite::Connection;

use super::fault;
use crate::{Engine, Param, Statement, error::Fault, place, sql::dialect};

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

/// Runs a statement with its hints. Without any, or if no row was found or a place was taken, it runs without them.
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

pub(crate) fn script(connection: &Connection, name: &'static str, sql: &str) -> Result<(), Fault> {
    connection.execute_batch(sql).map_err(|e| fault::of(name, e))
}
