//! The tables of aggregates: one list of columns from which rows are read, inserted and updated.

use kaching_db::{self as db, Param, Sql, Tx};

/// A table with the columns of its aggregate.
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// The columns as a SELECT names them (`n.id, n.product, …`), in the order in which rows are read. The id is first.
    pub(crate) columns: &'static str,
    /// The number of leading columns that no update writes.
    pub(crate) fixed: usize,
    /// More columns, which follow from the others and are written but never read.
    pub(crate) derived: &'static [&'static str],
    /// Whether rows lie where their ids say.
    pub(crate) placed: bool,
}

/// A statement that inserts rows of a [`Table`].
pub(crate) struct RowInsert {
    sql: Sql,
    hint: &'static str,
    before: &'static str,
}

impl RowInsert {
    /// Adds a row; `values` are those of all columns, in their order.
    pub(crate) fn row(&mut self, values: &[Param<'_>]) {
        self.sql.push(self.before);
        self.before = ", (";
        for (at, value) in values.iter().enumerate() {
            self.sql.push(if at == 0 { "" } else { ", " }).add("?", std::slice::from_ref(value));
            self.sql.push(if at == 0 { self.hint } else { "" });
        }
        self.sql.push(")");
    }

    /// Inserts the rows. There has to be one.
    pub(crate) fn run(&self, tx: &mut Tx<'_>) -> db::Result<u64> {
        tx.execute(&self.sql, self.sql.params())
    }
}

impl Table {
    /// Inserts a row; `values` are those of all columns, in their order. Returns the number of rows that were inserted,
    /// which a clause `on_conflict` may make 0.
    pub(crate) fn insert(
        &self,
        tx: &mut Tx<'_>,
        values: &[Param<'_>],
        on_conflict: &'static str,
    ) -> db::Result<u64> {
        let mut insert = self.insert_rows();
        insert.row(values);
        insert.sql.push(on_conflict);
        tx.execute(&insert.sql, insert.sql.params())
    }

    /// Begins a statement that inserts several rows.
    pub(crate) fn insert_rows(&self) -> RowInsert {
        let hint = if self.placed { " /*+ place */" } else { "" };
        let mut sql = Sql::new("insert into ");
        sql.push(self.name).push(" (");
        for (at, column) in self.all().enumerate() {
            sql.push(if at == 0 { "" } else { ", " }).push(column).push(if at == 0 { hint } else { "" });
        }
        sql.push(")");
        RowInsert { sql, hint, before: " values (" }
    }

    /// Updates a row; `values` are those of all columns, in their order.
    pub(crate) fn update(&self, tx: &mut Tx<'_>, values: &[Param<'_>]) -> db::Result<u64> {
        let mut sql = Sql::new("update ");
        sql.push(self.name);
        let mut before = " set ";
        for (column, value) in self.all().zip(values).skip(self.fixed) {
            sql.push(before).push(column).add(" = ?", std::slice::from_ref(value));
            before = ", ";
        }
        sql.add(" where id = ?", &values[..1]).push(if self.placed { " /*+ place */" } else { "" });
        tx.execute(&sql, sql.params())
    }

    fn all(&self) -> impl Iterator<Item = &'static str> {
        let name = |column: &'static str| column.split_once('.').map_or(column, |(_, name)| name);
        self.columns.split(',').map(str::trim).map(name).chain(self.derived.iter().copied())
    }
}
