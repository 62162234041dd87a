//! Reads and writes whole tables of any schema: for a backup, a restore, and a migration to another engine.

mod progress;
mod sum;
mod tables;

use std::fmt::Write as _;

use crate::{Engine, Error, Param, Result, Row, Statement, Tx, Value, column::Column};

pub use progress::CopyProgress;
pub use sum::Sum;
pub use tables::Table;

/// The value of a column in one row, the same on both engines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// No value.
    Null,
    /// A whole number; yes and no are 1 and 0.
    Int(i64),
    /// A text.
    Text(String),
    /// Bytes; a uuid is 16 of them.
    Bytes(Vec<u8>),
}

/// The cells of one row, in the order of the table's columns.
pub type Cells = Vec<Cell>;

/// The type of a column's cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CellKind {
    Int,
    Bool,
    Text,
    Bytes,
    Uuid,
}

/// Parameters of one statement: SQLite takes 32,766.
const PARAMETERS: usize = 32_000;
/// Rows of one statement: more would save no time.
const ROWS: usize = 200;

impl Tx<'_> {
    /// The next rows after the one with this key, in the order of the keys; the first ones without.
    ///
    /// # Errors
    /// As the database answers.
    pub fn page(&mut self, table: &Table, after: Option<&[Cell]>, limit: u32) -> Result<Vec<Cells>> {
        let mut sql = format!("select {} from \"{}\"", names(table.names()), table.name());
        let mut params = Vec::new();
        if let Some(after) = after {
            let values = list((1..=after.len()).map(|n| format!("?{n}")));
            write!(sql, " where ({}) > ({values})", names(table.key_names())).expect(TEXT);
            params = after.iter().zip(table.key_kinds()).map(|(cell, kind)| param(cell, kind)).collect();
        }
        write!(sql, " order by {} limit {limit}", names(table.key_names())).expect(TEXT);
        let width = table.names().count();
        self.query_all(Statement(&sql), &params, |row| (0..width).map(|at| cell(row, at)).collect())
    }

    /// Writes these rows, of which none is there yet.
    ///
    /// # Errors
    /// As the database answers.
    pub fn fill(&mut self, table: &Table, rows: &[Cells]) -> Result<()> {
        let width = table.names().count().max(1);
        for rows in rows.chunks((PARAMETERS / width).clamp(1, ROWS)) {
            let hinted = |at: usize, column: String| column + table.hint(at);
            let columns = table.names().enumerate().map(|(at, name)| hinted(at, format!("\"{name}\"")));
            let mut sql = format!("insert into \"{}\" ({}) values ", table.name(), list(columns));
            for row in 0..rows.len() {
                let values = (0..width).map(|at| hinted(at, format!("?{}", row * width + at + 1)));
                write!(sql, "{}({})", if row == 0 { "" } else { ", " }, list(values)).expect(TEXT);
            }
            let cells = rows.iter().flat_map(|row| row.iter().zip(table.kinds()));
            let params: Vec<_> = cells.map(|(cell, kind)| param(cell, kind)).collect();
            self.execute(Statement(&sql), &params)?;
        }
        Ok(())
    }

    /// Removes every row.
    ///
    /// # Errors
    /// As the database answers.
    pub fn clear(&mut self, table: &Table) -> Result<u64> {
        self.execute(Statement(&format!("delete from \"{}\"", table.name())), &[])
    }

    /// The number of rows of a table and their checksum, to find out whether two tables hold the same.
    ///
    /// # Errors
    /// As the database answers.
    pub fn sum(&mut self, table: &Table) -> Result<(u64, Sum)> {
        let (mut rows, mut sum, mut after) = (0, Sum::default(), None);
        loop {
            let page = self.page(table, after.as_deref(), 1000)?;
            let Some(last) = page.last() else { return Ok((rows, sum)) };
            after = Some(table.key_of(last));
            rows += page.len() as u64;
            page.iter().for_each(|row| sum.add(row));
        }
    }

    /// Lets PostgreSQL analyze these tables. Its autovacuum would do that some minutes after this many writes; until
    /// then it has no statistics of them, and may choose slow plans. SQLite needs nothing.
    ///
    /// # Errors
    /// As the database answers.
    pub fn analyze(&mut self, tables: &[Table]) -> Result<()> {
        if self.engine() == Engine::Postgres {
            for table in tables {
                self.execute(Statement(&format!("analyze \"{}\"", table.name())), &[])?;
            }
        }
        Ok(())
    }
}

const TEXT: &str = "a String takes any text";

fn names<'n>(names: impl Iterator<Item = &'n str>) -> String {
    list(names.map(|name| format!("\"{name}\"")))
}

fn list(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

fn cell(row: &Row<'_>, at: usize) -> Result<Cell> {
    struct Any(Cell);
    impl Column for Any {
        fn from_value(value: Value<'_>) -> Result<Self, String> {
            Ok(Self(match value {
                Value::Null => Cell::Null,
                Value::Int(n) => Cell::Int(n),
                Value::Bool(b) => Cell::Int(i64::from(b)),
                Value::Text(text) => Cell::Text(text.to_owned()),
                Value::Bytes(bytes) => Cell::Bytes(bytes.to_owned()),
                Value::Uuid(bytes) => Cell::Bytes(bytes.to_vec()),
            }))
        }
    }
    row.get::<Any>(at).map(|any| any.0)
}

/// A cell that does not fit its column is passed on unchanged, and the database refuses it.
fn param(cell: &Cell, kind: CellKind) -> Param<'_> {
    match (cell, kind) {
        (Cell::Null, _) => Param::Null,
        (Cell::Int(n), CellKind::Bool) => Param::Bool(*n != 0),
        (Cell::Int(n), _) => Param::Int(*n),
        (Cell::Text(text), _) => Param::Text(text.into()),
        (Cell::Bytes(bytes), CellKind::Uuid) => match bytes.as_slice().try_into() {
            Ok(uuid) => Param::Uuid(uuid),
            Err(_) => Param::Bytes(bytes.into()),
        },
        (Cell::Bytes(bytes), _) => Param::Bytes(bytes.into()),
    }
}

fn odd(what: String) -> Error {
    Error::Value(what)
}
