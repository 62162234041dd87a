//! Reads everything in one state of the database, while others write.

use std::{
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use aws_lc_rs::hmac;
use kaching_base::{ErrorCode, Secret, Timestamp};
use kaching_db::{Cell, Db, Sum, Tx};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::{
    Head,
    lines::{FORMAT, SectionLine, VERSION, line, row},
    mac, sql,
};
use crate::{
    Authority, Cx, Error, MasterKey, Result,
    audit::Entry,
    blocking::run_blocking,
    keys::{Locked, StoredKeyset, epoch},
};

/// However large it is, a backup is read within this.
const LONGEST: Duration = Duration::from_secs(6 * 3600);
/// Bytes of one piece, and how many pieces wait for the reader.
const CHUNK: usize = 64 * 1024;
const WAITING: usize = 4;
/// Rows of one read.
const PAGE: u32 = 1000;

/// A backup as it is read. Dropping it ends the reading; taking its pieces slowly slows it, and for that
/// long keeps SQLite from emptying its log.
pub struct Chunks {
    reading: Option<Pin<Box<dyn Future<Output = Result<()>> + Send>>>,
    pieces: mpsc::Receiver<Vec<u8>>,
}

impl Authority {
    /// Begins a backup of everything, with the master key under a passphrase where one is given.
    ///
    /// # Errors
    /// `wrong_state` while another one is made; if the passphrase is too short.
    pub async fn backup(&self, cx: Cx, passphrase: Option<Secret<String>>) -> Result<Chunks> {
        let permit = self.copying.clone().try_acquire_owned().map_err(|_| {
            Error::coded(ErrorCode::WrongState, "another backup is being made: wait until it is there")
        })?;
        let master_key = match passphrase {
            None => None,
            Some(passphrase) => {
                let (master, salt) = (self.master.clone(), self.entropy.seed());
                Some(run_blocking(move || super::lock(&master, &passphrase, salt)).await?)
            }
        };
        let with_master_key = master_key.is_some();
        self.write_regardless("backup.note", cx, move |tx, op| {
            op.on("backup.make", op.keys.epoch);
            op.audit(tx, Entry::ok(json!({ "with_master_key": with_master_key })))
        })
        .await?;
        let mut chunks = chunks(&self.db, self.now(), &self.master, master_key);
        let reading = chunks.reading.take();
        chunks.reading = reading.map(|reading| -> Pin<Box<dyn Future<Output = Result<()>> + Send>> {
            Box::pin(async move {
                let read = reading.await;
                drop(permit);
                read
            })
        });
        Ok(chunks)
    }
}

/// Everything in the database, as it is when the reading begins.
pub(super) fn chunks(db: &Db, now: Timestamp, master: &MasterKey, master_key: Option<Locked>) -> Chunks {
    let mac = master.backup_mac();
    let (sender, pieces) = mpsc::channel(WAITING);
    let db = db.with_deadline(LONGEST);
    let mut begun = false;
    let reading = async move {
        db.read("backup.read", move |tx| {
            // What was sent cannot be taken back.
            if mem::replace(&mut begun, true) {
                return Err(Error::Failure(
                    "the database was lost while it was read: begin the backup again".to_owned(),
                ));
            }
            let head = head(tx, now, master_key.clone())?;
            Writer::new(sender.clone()).everything(tx, &head, &mac)
        })
        .await
    };
    Chunks { reading: Some(Box::pin(reading)), pieces }
}

impl Chunks {
    /// The next piece; nothing after the last.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>>> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The next piece, for those who are polled themselves.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Vec<u8>>>> {
        if let Some(reading) = &mut self.reading
            && let Poll::Ready(done) = reading.as_mut().poll(cx)
        {
            self.reading = None;
            if let Err(error) = done {
                self.pieces.close();
                return Poll::Ready(Some(Err(error)));
            }
        }
        self.pieces.poll_recv(cx).map(|piece| piece.map(Ok))
    }
}

fn head(tx: &mut Tx<'_>, now: Timestamp, master_key: Option<Locked>) -> Result<Head> {
    let (migrations, minimum_version) = tx.migrated()?;
    Ok(Head {
        format: FORMAT.to_owned(),
        version: VERSION,
        made_at: now.to_string(),
        made_by: env!("CARGO_PKG_VERSION").to_owned(),
        engine: tx.engine().as_str().to_owned(),
        epoch: epoch(tx)?,
        issuer: StoredKeyset::issuer(tx)?.unwrap_or_default(),
        roots: sql::roots(tx)?.iter().map(ToString::to_string).collect(),
        migrations,
        minimum_version,
        master_key,
    })
}

/// Gathers lines into pieces.
struct Writer {
    sender: mpsc::Sender<Vec<u8>>,
    piece: Vec<u8>,
    hash: Sha256,
}

impl Writer {
    fn new(sender: mpsc::Sender<Vec<u8>>) -> Self {
        Self { sender, piece: Vec::with_capacity(CHUNK + 4096), hash: Sha256::new() }
    }

    fn everything(mut self, tx: &mut Tx<'_>, head: &Head, key: &hmac::Key) -> Result<()> {
        self.line(&line(head))?;
        let (mut all, tables) = (0, tx.tables()?);
        for table in &tables {
            let columns: Vec<String> = table.names().map(str::to_owned).collect();
            // The root's private half stays where it is.
            let kept_back = columns.iter().position(|column| sql::is_excluded(table.name(), column));
            self.line(&line(&SectionLine::Begin { table: table.name().to_owned(), columns }))?;
            let (mut rows, mut sum, mut after) = (0, Sum::default(), None);
            loop {
                let mut page = tx.page(table, after.as_deref(), PAGE)?;
                let Some(last) = page.last() else { break };
                after = Some(table.key_of(last));
                rows += page.len() as u64;
                for cells in &mut page {
                    if let Some(at) = kept_back {
                        cells[at] = Cell::Null;
                    }
                    sum.add(cells);
                    self.line(&row(cells))?;
                }
            }
            all += rows;
            self.line(&line(&SectionLine::end(table.name(), rows, sum)))?;
        }
        let sha256 = super::parse::hex(&self.hash.clone().finalize());
        let mac = Some(mac::sign(key, &sha256));
        self.line(&line(&SectionLine::Whole { tables: tables.len() as u64, rows: all, sha256, mac }))?;
        self.send()
    }

    fn line(&mut self, line: &[u8]) -> Result<()> {
        self.hash.update(line);
        self.piece.extend_from_slice(line);
        if self.piece.len() >= CHUNK { self.send() } else { Ok(()) }
    }

    fn send(&mut self) -> Result<()> {
        let piece = mem::replace(&mut self.piece, Vec::with_capacity(CHUNK + 4096));
        // This is a thread of the database's own, which may wait.
        self.sender
            .blocking_send(piece)
            .map_err(|_| Error::Failure("nobody takes the backup any more".to_owned()))
    }
}
