use std::collections::{BTreeMap, BTreeSet};

use super::{Cell, CellKind, odd};
use crate::{Engine, Result, Tx, params, place::HINT};

/// This crate's own tables: the applied migrations, and the progress of a copy.
const OWN: [&str; 2] = ["schema_migrations", "unfinished_copy"];

/// A table of the live schema. Its columns are in the order of their names, which is the same on both engines; what the
/// database computes is not among them.
#[derive(Clone, Debug)]
pub struct Table {
    name: String,
    columns: Vec<(String, CellKind)>,
    /// The places of the primary key's columns.
    key: Vec<usize>,
    /// Whether SQLite lays its rows by their ids, as [`crate::place`] says.
    by_id: bool,
}

impl Table {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The names of its columns.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.columns.iter().map(|(name, _)| name.as_str())
    }

    /// The primary key of a row, for the page after it.
    pub fn key_of(&self, row: &[Cell]) -> Vec<Cell> {
        self.key.iter().map(|at| row[*at].clone()).collect()
    }

    /// The hint behind a column's name or value in an insert.
    pub(super) fn hint(&self, column: usize) -> &'static str {
        if self.by_id && self.key == [column] { HINT } else { "" }
    }

    pub(super) fn kinds(&self) -> impl Iterator<Item = CellKind> {
        self.columns.iter().map(|(_, kind)| *kind)
    }

    pub(super) fn key_names(&self) -> impl Iterator<Item = &str> {
        self.key.iter().map(|at| self.columns[*at].0.as_str())
    }

    pub(super) fn key_kinds(&self) -> impl Iterator<Item = CellKind> {
        self.key.iter().map(|at| self.columns[*at].1)
    }
}

/// A column as the database's catalogue describes it: table, name, type, position in the primary key (from 1; 0 if it
/// is not part of it), and whether the table's rows have rowids.
type ColumnInfo = (String, String, String, i64, bool);

const SQLITE_COLUMNS: &str = "select m.name, c.name, lower(c.type), c.pk, t.wr = 0
    from sqlite_schema m, pragma_table_list(m.name) t, pragma_table_xinfo(m.name) c
    where m.type = 'table' and t.schema = 'main' and m.name not like 'sqlite\\_%' escape '\\' and c.hidden = 0
    order by m.name, c.name";

const SQLITE_REFERENCES: &str =
    "select m.name, r.\"table\" from sqlite_schema m, pragma_foreign_key_list(m.name) r
    where m.type = 'table'";

const POSTGRES_COLUMNS: &str =
    "select cast(t.relname as text), cast(a.attname as text), format_type(a.atttypid, null),
        cast(coalesce(array_position(cast(k.conkey as int2[]), a.attnum), 0) as bigint), false
    from pg_class t join pg_attribute a on a.attrelid = t.oid
    left join pg_constraint k on k.conrelid = t.oid and k.contype = 'p'
    where t.relkind = 'r' and t.relnamespace = cast(current_schema() as regnamespace)
        and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''";

const POSTGRES_REFERENCES: &str =
    "select cast(a.relname as text), cast(b.relname as text) from pg_constraint r
    join pg_class a on a.oid = r.conrelid join pg_class b on b.oid = r.confrelid
    where r.contype = 'f' and r.connamespace = cast(current_schema() as regnamespace)";

impl Tx<'_> {
    /// Every table of the schema, each behind those that it refers to.
    ///
    /// # Errors
    /// As the database answers, or if a table has no primary key or a column of a type that is not copied.
    pub fn tables(&mut self) -> Result<Vec<Table>> {
        let references = match self.engine() {
            Engine::Sqlite => SQLITE_REFERENCES,
            Engine::Postgres => POSTGRES_REFERENCES,
        };
        let refers: Vec<(String, String)> =
            self.query_all(references, &[], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let tables = self.column_infos()?.into_iter().map(|(name, columns)| table(name, columns));
        in_order(tables.collect::<Result<_>>()?, &refers)
    }

    /// The name of the first table, if there is any, ours or not.
    ///
    /// # Errors
    /// As the database answers.
    pub fn first_table(&mut self) -> Result<Option<String>> {
        Ok(self.column_infos()?.into_keys().next())
    }

    /// Whether there is a table of this name.
    ///
    /// # Errors
    /// As the database answers.
    pub fn has_table(&mut self, name: &str) -> Result<bool> {
        let tables = match self.engine() {
            Engine::Sqlite => "select count(*) from sqlite_schema where type = 'table' and name = ?1",
            Engine::Postgres => {
                "select count(*) from pg_class where cast(relname as text) = ?1
                and relnamespace = cast(current_schema() as regnamespace)"
            }
        };
        Ok(self.query_one(tables, params![name], |row| row.get::<i64>(0))? > 0)
    }

    /// The columns of each table that is not this crate's own.
    fn column_infos(&mut self) -> Result<BTreeMap<String, Vec<ColumnInfo>>> {
        let columns = match self.engine() {
            Engine::Sqlite => SQLITE_COLUMNS,
            Engine::Postgres => POSTGRES_COLUMNS,
        };
        let infos: Vec<ColumnInfo> = self.query_all(columns, &[], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
        })?;
        let mut by_name: BTreeMap<String, Vec<ColumnInfo>> = BTreeMap::new();
        for column in infos.into_iter().filter(|(table, ..)| !OWN.contains(&table.as_str())) {
            by_name.entry(column.0.clone()).or_default().push(column);
        }
        Ok(by_name)
    }
}

fn table(name: String, mut infos: Vec<ColumnInfo>) -> Result<Table> {
    // By bytes: the engines sort names differently.
    infos.sort_by(|a, b| a.1.cmp(&b.1));
    let mut key: Vec<(i64, usize)> = Vec::new();
    let mut columns = Vec::new();
    let mut by_id = false;
    for (at, (_, column, ty, place, rowid)) in infos.into_iter().enumerate() {
        let kind = match ty.as_str() {
            "integer" | "bigint" | "smallint" => CellKind::Int,
            "boolean" => CellKind::Bool,
            "text" | "character varying" => CellKind::Text,
            "blob" | "bytea" => CellKind::Bytes,
            "uuid" => CellKind::Uuid,
            other => {
                return Err(odd(format!("{name}.{column} is a column of type {other}, which is not copied")));
            }
        };
        if place > 0 {
            key.push((place, at));
            by_id = rowid && column == "id" && kind == CellKind::Bytes;
        }
        columns.push((column, kind));
    }
    if key.is_empty() {
        return Err(odd(format!("the table {name} has no primary key, so that it cannot be copied")));
    }
    key.sort_unstable();
    Ok(Table { name, columns, key: key.into_iter().map(|(_, at)| at).collect(), by_id })
}

fn in_order(mut tables: Vec<Table>, refers: &[(String, String)]) -> Result<Vec<Table>> {
    let mut ordered = Vec::with_capacity(tables.len());
    let mut done = BTreeSet::new();
    while !tables.is_empty() {
        let waits = |table: &Table, done: &BTreeSet<String>| {
            refers.iter().any(|(from, to)| *from == table.name && to != from && !done.contains(to))
        };
        let Some(at) = tables.iter().position(|table| !waits(table, &done)) else {
            return Err(odd(format!("{} and others refer to each other in a circle", tables[0].name)));
        };
        let next = tables.remove(at);
        done.insert(next.name.clone());
        ordered.push(next);
    }
    Ok(ordered)
}
