//! The schema as it is, in a text that can be compared.

use crate::{Db, Engine, Result, Tx};

impl Db {
    /// The live schema as sorted text: what `surface/schema.txt` holds for each engine.
    ///
    /// # Errors
    /// As of any read.
    pub async fn schema_text(&self) -> Result<String> {
        self.read("db.schema", |tx| {
            let mut lines = match tx.engine() {
                Engine::Sqlite => sqlite(tx)?,
                Engine::Postgres => postgres(tx)?,
            };
            lines.sort_unstable();
            Ok(lines.into_iter().map(|line| line + "\n").collect())
        })
        .await
    }

    /// Whether the file is sound, as far as a full look at it can tell; always so for PostgreSQL, which looks itself.
    ///
    /// # Errors
    /// [`Corrupt`](crate::Error::Corrupt) with the first damage found.
    pub async fn check(&self) -> Result<()> {
        self.read("db.check", |tx| {
            if tx.engine() == Engine::Postgres {
                return Ok(());
            }
            let found = tx.query_one("pragma quick_check(1)", &[], |row| row.get::<String>(0))?;
            if found == "ok" { Ok(()) } else { Err(crate::Error::Corrupt(found)) }
        })
        .await
    }
}

fn sqlite(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let sql = "select sql from sqlite_schema where sql is not null and name not like 'sqlite_%'";
    tx.query_all(sql, &[], |row| Ok(on_one_line(&row.get::<String>(0)?)))
}

fn postgres(tx: &mut Tx<'_>) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for sql in [
        "select 'column ' || table_name || '.' || column_name || ' ' || data_type \
            || case is_nullable when 'NO' then ' not null' else '' end \
            || coalesce(' default ' || column_default, '') \
            from information_schema.columns where table_schema = current_schema()",
        "select 'index ' || indexdef from pg_indexes where schemaname = current_schema()",
        "select 'constraint ' || cast(conrelid as regclass) || ' ' || conname || ' ' || pg_get_constraintdef(oid) \
            from pg_constraint where connamespace = cast(current_schema() as regnamespace)",
    ] {
        lines.extend(tx.query_all(sql, &[], |row| Ok(on_one_line(&row.get::<String>(0)?)))?);
    }
    Ok(lines)
}

fn on_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
