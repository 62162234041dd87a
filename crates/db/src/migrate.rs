//! Migrations: forward only, each in a transaction of its own, never edited once it was applied.

mod folders;
mod version;

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use sha2::{Digest, Sha256};

use crate::{Db, Engine, Error, Result, Tx, params};
use version::Version;

/// One step of the schema, written once for each engine.
#[derive(Clone, Copy, Debug)]
pub struct Migration {
    /// The name of its file in both folders, without `.sql`: `0001_products`. Names sort in the order of applying.
    pub name: &'static str,
    /// The script for SQLite.
    pub sqlite: &'static str,
    /// The script for PostgreSQL.
    pub postgres: &'static str,
    /// The lowest version of the program that can serve a database which has this: `0.1.0`.
    pub minimum_version: &'static str,
}

/// Every step that this program knows.
#[derive(Clone, Copy, Debug)]
pub struct Migrations {
    /// The version of this program: `env!("CARGO_PKG_VERSION")`.
    pub version: &'static str,
    /// The steps in the order of applying.
    pub list: &'static [Migration],
}

/// A step may move many rows.
const PATIENCE: Duration = Duration::from_secs(600);

/// PostgreSQL's number for the lock under which one server at a time migrates: "kaching" in ASCII.
const LOCK: i64 = 0x006b_6163_6869_6e67;

struct Applied {
    sha256: String,
    minimum_version: String,
}

impl Migration {
    fn script(&self, engine: Engine) -> &'static str {
        match engine {
            Engine::Sqlite => self.sqlite,
            Engine::Postgres => self.postgres,
        }
    }

    fn sha256(&self, engine: Engine) -> String {
        Sha256::digest(self.script(engine)).iter().fold(String::with_capacity(64), |mut hex, byte| {
            write!(hex, "{byte:02x}").expect("a String takes any text");
            hex
        })
    }
}

impl Db {
    /// Applies the migrations that the database lacks, and returns their names. Several servers may do this at the same
    /// time.
    ///
    /// # Errors
    /// [`Error::SchemaTooNew`] if a later program has made a change that this one cannot serve;
    /// [`Error::Migration`] if an applied migration was edited, or one does not succeed.
    pub async fn migrate(&self, migrations: &Migrations) -> Result<Vec<&'static str>> {
        migrations.check()?;
        let (patient, all) = (self.with_deadline(PATIENCE), *migrations);
        let missing = patient
            .write("db.migrations", move |tx| {
                lock(tx)?;
                tx.execute(CREATE, &[])?;
                all.missing(tx.engine(), &applied(tx)?)
            })
            .await?;
        let mut done = Vec::new();
        for migration in missing {
            if patient.write("db.migrate", move |tx| apply(tx, &migration)).await? {
                tracing::info!(migration = migration.name, "the schema was changed");
                done.push(migration.name);
            }
        }
        Ok(done)
    }
}

const CREATE: &str = "create table if not exists schema_migrations \
    (name text primary key, sha256 text not null, minimum_version text not null)";

fn lock(tx: &mut Tx<'_>) -> Result<()> {
    // SQLite's writer is alone already.
    if tx.engine() == Engine::Postgres {
        tx.execute("select pg_advisory_xact_lock(?1)", params![LOCK])?;
    }
    Ok(())
}

fn applied(tx: &mut Tx<'_>) -> Result<BTreeMap<String, Applied>> {
    let sql = "select name, sha256, minimum_version from schema_migrations";
    let rows = tx.query_all(sql, &[], |row| {
        Ok((row.get(0)?, Applied { sha256: row.get(1)?, minimum_version: row.get(2)? }))
    })?;
    Ok(rows.into_iter().collect())
}

/// Applies a migration. Returns false if another server was faster.
fn apply(tx: &mut Tx<'_>, migration: &Migration) -> Result<bool> {
    lock(tx)?;
    let sha256 = migration.sha256(tx.engine());
    let sql = "insert into schema_migrations (name, sha256, minimum_version) values (?1, ?2, ?3) \
        on conflict do nothing";
    if tx.execute(sql, params![migration.name, sha256, migration.minimum_version])? == 0 {
        return Ok(false);
    }
    match tx.script(migration.script(tx.engine())) {
        Err(Error::Statement { reason, .. } | Error::Constraint(reason) | Error::Unique(reason)) => {
            Err(Error::Migration { name: migration.name.to_owned(), reason })
        }
        other => other.map(|()| true),
    }
}

impl Db {
    /// The names of the migrations that the database has, in order, and the lowest version that may serve it.
    ///
    /// # Errors
    /// As of any read.
    pub async fn migrated(&self) -> Result<(Vec<String>, String)> {
        self.read("db.migrated", |tx| tx.migrated()).await
    }
}

impl Tx<'_> {
    /// The names of the migrations that the database has, in order, and the lowest version that may serve it.
    ///
    /// # Errors
    /// As the database answers.
    pub fn migrated(&mut self) -> Result<(Vec<String>, String)> {
        let applied = applied(self)?;
        let needed = applied.values().map(|applied| &applied.minimum_version);
        let needed = needed.max_by_key(|version| Version::parse(version)).cloned().unwrap_or_default();
        Ok((applied.into_keys().collect(), needed))
    }
}

impl Migrations {
    /// The first of them: those that a database or a backup with these names has.
    ///
    /// # Errors
    /// [`Error::SchemaTooNew`] if there are others, which a later program knows, or if `needed` is a later version.
    pub fn those(&self, names: &[String], needed: &str) -> Result<Self> {
        let (ours, version) =
            (self.list.iter().map(|migration| migration.name), Version::parse(self.version));
        let served = Version::parse(needed).is_some_and(|needed| Some(needed) <= version);
        if served && names.len() <= self.list.len() && ours.zip(names).all(|(ours, theirs)| ours == theirs) {
            return Ok(Self { list: &self.list[..names.len()], ..*self });
        }
        Err(Error::SchemaTooNew { needed: needed.to_owned(), ours: self.version.to_owned() })
    }

    /// Whether the names are distinct and in order, and the versions are versions that have been.
    ///
    /// # Errors
    /// [`Error::Migration`] for the first that is not so.
    pub fn check(&self) -> Result<()> {
        let ours = Version::parse(self.version);
        let mut before = "";
        for Migration { name, minimum_version, .. } in self.list {
            if *name <= before {
                return Err(refused(name, format!("it should sort after {before}")));
            }
            match (Version::parse(minimum_version), ours) {
                (Some(minimum), Some(ours)) if minimum <= ours => {}
                _ => {
                    let reason =
                        format!("its minimum version {minimum_version} is not one up to {}", self.version);
                    return Err(refused(name, reason));
                }
            }
            before = name;
        }
        Ok(())
    }

    /// The migrations still to apply to a database that has these.
    fn missing(&self, engine: Engine, applied: &BTreeMap<String, Applied>) -> Result<Vec<Migration>> {
        let ours = Version::parse(self.version);
        let unknown = || applied.iter().filter(|(name, _)| self.list.iter().all(|m| m.name != name.as_str()));
        let needed = unknown().max_by_key(|(_, applied)| Version::parse(&applied.minimum_version));
        if let Some((_, Applied { minimum_version: needed, .. })) = needed
            && Version::parse(needed).is_none_or(|needed| Some(needed) > ours)
        {
            return Err(Error::SchemaTooNew { needed: needed.clone(), ours: self.version.to_owned() });
        }
        let mut missing = Vec::new();
        for migration in self.list {
            match applied.get(migration.name) {
                Some(applied) if applied.sha256 == migration.sha256(engine) => {}
                Some(_) => {
                    let reason = "its text differs from what was applied to this database; \
                        a migration is never edited: restore its text, and make the change in a new one";
                    return Err(refused(migration.name, reason.to_owned()));
                }
                None => missing.push(*migration),
            }
        }
        match (missing.first(), unknown().next()) {
            (Some(first), Some((later, _))) => {
                let reason =
                    format!("the database lacks it but has {later}, which this program does not know");
                Err(refused(first.name, reason))
            }
            _ => Ok(missing),
        }
    }
}

fn refused(name: &str, reason: String) -> Error {
    Error::Migration { name: name.to_owned(), reason }
}
