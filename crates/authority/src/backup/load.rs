//! Writes a backup into an empty database, table by table. An interrupted load continues where it was.

use std::{fs::File, io::Read as _, path::Path, time::Duration};

use kaching_db::{Cells, CopyProgress, Db, Table};

use super::{
    BackupProgress, Chunks, Contents, Head, TableCount,
    file::{open, unreadable},
    parse::{Item, Parser},
    refused,
};
use crate::{Error, Result, migrations};

/// Rows of one transaction.
const BATCH: usize = 2000;
/// The longest time for a batch, or for the check of a whole table.
pub(super) const PATIENCE: Duration = Duration::from_secs(3600);
/// The position of a load when every row is there and was checked.
const LOADED: &str = "*";

/// Receives how far a copy is.
pub type ProgressFn<'t> = &'t (dyn Fn(&BackupProgress) + Send + Sync);

/// The source of a backup.
pub(super) enum Source {
    File(File, std::path::PathBuf),
    Stream(Chunks),
}

impl Source {
    pub(super) fn file(path: &Path) -> Result<Self> {
        Ok(Self::File(open(path)?, path.to_owned()))
    }

    /// Reads it to its end, and returns its contents.
    pub(super) async fn count(mut self) -> Result<Contents> {
        let mut parser = Parser::default();
        while let Some(piece) = self.next().await? {
            parser.feed(&piece, &mut |_| {})?;
        }
        parser.finish()
    }

    async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        match self {
            Self::Stream(chunks) => chunks.next().await.transpose(),
            Self::File(file, path) => {
                let mut piece = vec![0; 256 * 1024];
                let length = file.read(&mut piece).map_err(|error| unreadable(path, &error))?;
                piece.truncate(length);
                Ok((length > 0).then_some(piece))
            }
        }
    }
}

/// Loads all of it. `origin` names the source: a load that was begun is gone on with only from the same one.
pub(super) async fn load(
    db: &Db,
    origin: &str,
    mut source: Source,
    progress: ProgressFn<'_>,
) -> Result<Contents> {
    let (mut parser, mut loader) = (Parser::default(), None);
    while let Some(piece) = source.next().await? {
        let mut items = Vec::new();
        parser.feed(&piece, &mut |item| items.push(item))?;
        for item in items {
            match (item, &mut loader) {
                (Item::Head(head), _) => loader = Some(Loader::begin(db, origin, &head).await?),
                (Item::Begin(table, columns), Some(loader)) => loader.table(&table, &columns)?,
                (Item::Row(cells), Some(loader)) => loader.row(cells).await?,
                (Item::End(counted), Some(loader)) => loader.end(&counted).await?,
                (_, None) => unreachable!("a backup begins with its head"),
            }
        }
        progress(parser.seen());
    }
    let contents = parser.finish()?;
    if let Some(loader) = loader {
        loader.finish(&contents).await?;
    }
    db.migrate(&migrations::ALL).await?;
    Ok(contents)
}

struct Loader {
    db: Db,
    /// The tables of the schema that the backup has.
    tables: Vec<Table>,
    /// The position at which an earlier load stopped; `None` once it is reached.
    resume: Option<CopyProgress>,
    /// The table that is being filled.
    at: Option<Table>,
    /// The number of its rows that were loaded before.
    skip: u64,
    rows: u64,
    batch: Vec<Cells>,
    loaded: bool,
}

impl Loader {
    async fn begin(db: &Db, origin: &str, head: &Head) -> Result<Self> {
        let db = db.with_deadline(PATIENCE);
        let there = db.unfinished().await?;
        let those = migrations::ALL.those(&head.migrations, &head.minimum_version)?;
        match &there {
            Some(progress) if progress.origin != origin => {
                return Err(refused(
                    "another copy into this database was begun and is not whole, or its source has changed since: \
                     empty the database, and begin again",
                ));
            }
            Some(_) => {}
            None => {
                refuse_filled(&db).await?;
                let origin = origin.to_owned();
                db.write("backup.begin_load", move |tx| tx.begin_copy(&origin).map_err(Error::from)).await?;
            }
        }
        db.migrate(&those).await?;
        let loaded = there.as_ref().is_some_and(|progress| progress.table == LOADED);
        if there.as_ref().is_none_or(|progress| progress.table.is_empty()) {
            // Rows that a migration inserts are in the backup as they became.
            db.write("backup.clear", |tx| {
                for table in tx.tables()?.iter().rev() {
                    tx.clear(table)?;
                }
                Ok::<_, Error>(())
            })
            .await?;
        }
        let tables = db.read("backup.tables", |tx| tx.tables().map_err(Error::from)).await?;
        let resume = there.filter(|progress| !progress.table.is_empty() && !loaded);
        Ok(Self { db, tables, resume, at: None, skip: 0, rows: 0, batch: Vec::new(), loaded })
    }

    fn table(&mut self, name: &str, columns: &[String]) -> Result<()> {
        if self.loaded {
            return Ok(());
        }
        let found = self.tables.iter().find(|table| table.name() == name);
        let found = found.filter(|table| table.names().eq(columns.iter().map(String::as_str)));
        let table = found.ok_or_else(|| {
            refused(format!("the schema of this version has no table {name} as the backup has it: use the version that made it"))
        })?;
        self.skip = match &self.resume {
            None => 0,
            Some(progress) if progress.table == name => progress.rows,
            Some(_) => u64::MAX,
        };
        if self.skip < u64::MAX {
            self.resume = None;
        }
        (self.at, self.rows) = (Some(table.clone()), 0);
        Ok(())
    }

    async fn row(&mut self, cells: Cells) -> Result<()> {
        if self.loaded {
            return Ok(());
        }
        self.rows += 1;
        if self.rows <= self.skip {
            return Ok(());
        }
        self.batch.push(cells);
        if self.batch.len() >= BATCH { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<()> {
        let Some(table) = self.at.clone() else { return Ok(()) };
        if self.batch.is_empty() {
            return Ok(());
        }
        let (batch, rows) = (std::mem::take(&mut self.batch), self.rows);
        self.db
            .write("backup.load", move |tx| {
                tx.fill(&table, &batch)?;
                Ok::<_, Error>(tx.copied(table.name(), rows)?)
            })
            .await
    }

    async fn end(&mut self, counted: &TableCount) -> Result<()> {
        self.flush().await?;
        if self.rows < self.skip && self.skip < u64::MAX {
            return Err(differs(&counted.name));
        }
        Ok(())
    }

    /// Checks that the database holds what the backup holds.
    async fn finish(self, contents: &Contents) -> Result<()> {
        if self.loaded {
            return Ok(());
        }
        if contents.tables.len() != self.tables.len() {
            return Err(refused("the backup lacks a table of its own schema: use the version that made it"));
        }
        for table in self.tables.clone() {
            let name = table.name().to_owned();
            let found = self.db.read("backup.compare", move |tx| tx.sum(&table).map_err(Error::from)).await?;
            let expected = contents.tables.iter().find(|counted| counted.name == name);
            if expected.is_none_or(|counted| (counted.rows, counted.sum) != found) {
                return Err(differs(&name));
            }
        }
        let tables = self.tables;
        self.db
            .write("backup.loaded", move |tx| {
                tx.analyze(&tables)?;
                Ok::<_, Error>(tx.copied(LOADED, 0)?)
            })
            .await
    }
}

/// Refuses a database with data: existing data is never overwritten.
async fn refuse_filled(db: &Db) -> Result<()> {
    match db.read("backup.look", |tx| Ok::<_, Error>(tx.first_table()?)).await? {
        None => Ok(()),
        Some(table) => Err(refused(format!(
            "the database holds data already (the table {table}), which is never written over: name an empty one"
        ))),
    }
}

fn differs(table: &str) -> Error {
    refused(format!(
        "what was written into the table {table} is not what was read: empty the database, and begin again"
    ))
}
