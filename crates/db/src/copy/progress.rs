//! The progress of a copy into this database: it may end at any moment, and continues from there.

use crate::{Db, Result, Tx, params};

/// The progress of a copy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CopyProgress {
    /// A text that identifies the source: it is the same only for the same source.
    pub origin: String,
    /// The table that is being filled; empty at the beginning.
    pub table: String,
    /// The number of its rows that are already here.
    pub rows: u64,
}

impl Db {
    /// The copy into this database that is not finished, if there is one: until it is, the rest is not to be used.
    ///
    /// # Errors
    /// As of any read.
    pub async fn unfinished(&self) -> Result<Option<CopyProgress>> {
        self.read("db.unfinished", |tx| tx.unfinished()).await
    }
}

impl Tx<'_> {
    /// The copy into this database that is not finished, if there is one.
    ///
    /// # Errors
    /// As the database answers.
    pub fn unfinished(&mut self) -> Result<Option<CopyProgress>> {
        if !self.has_table("unfinished_copy")? {
            return Ok(None);
        }
        self.query_opt("select origin, at_table, done_rows from unfinished_copy", &[], |row| {
            let (origin, table, rows) = (row.get(0)?, row.get(1)?, row.get::<i64>(2)?);
            Ok(CopyProgress { origin, table, rows: rows.unsigned_abs() })
        })
    }

    /// A copy begins.
    ///
    /// # Errors
    /// As the database answers.
    pub fn begin_copy(&mut self, origin: &str) -> Result<()> {
        let create = "create table unfinished_copy (origin text primary key, at_table text not null, done_rows bigint not null)";
        self.execute(create, &[])?;
        self.execute(
            "insert into unfinished_copy (origin, at_table, done_rows) values (?1, '', 0)",
            params![origin],
        )?;
        Ok(())
    }

    /// Records the number of rows that this table has here, in the transaction that writes them.
    ///
    /// # Errors
    /// As the database answers.
    pub fn copied(&mut self, table: &str, rows: u64) -> Result<()> {
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        self.execute("update unfinished_copy set at_table = ?1, done_rows = ?2", params![table, rows])?;
        Ok(())
    }

    /// The copy is whole.
    ///
    /// # Errors
    /// As the database answers.
    pub fn end_copy(&mut self) -> Result<()> {
        self.execute("drop table unfinished_copy", &[])?;
        Ok(())
    }
}
