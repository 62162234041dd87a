//! Reads a backup as it comes, and believes none of it before its last line.

use kaching_base::ErrorCode;
use kaching_db::{Cells, Sum};
use sha2::{Digest as _, Sha256};

use super::{
    BackupProgress, Contents, Head, TableCount,
    lines::{FORMAT, SectionLine, VERSION, cells},
};
use crate::{Error, Result};

/// The longest line. No real line comes near to it: the values of a row came in requests of at most 64 KiB.
const LONGEST: usize = 4 << 20;
/// The longest first line. No first line of ours comes near to it.
const LONGEST_HEAD: usize = 64 << 10;
/// The most tables, and the most data keys: far more than there are. It bounds the memory that a backup can take.
const MOST: usize = 1000;

/// The parts of a backup, in their order.
pub(super) enum Item {
    Head(Box<Head>),
    Begin(String, Vec<String>),
    Row(Cells),
    End(TableCount),
}

/// Parses the bytes of a backup, in pieces of any size.
#[derive(Default)]
pub(super) struct Parser {
    /// The beginning of a line whose end has not come.
    rest: Vec<u8>,
    hash: Sha256,
    lines: u64,
    seen: BackupProgress,
    head: Option<Head>,
    /// The table whose rows come, with the number of its columns.
    open: Option<(TableCount, usize)>,
    tables: Vec<TableCount>,
    data_keys: std::collections::BTreeMap<String, Vec<u8>>,
    sha256: Option<String>,
    mac: Option<String>,
    /// Whether a backup that a later version has to serve is refused.
    serves: bool,
}

impl Parser {
    /// Takes only what this version of the program can serve.
    pub(super) fn of_served() -> Self {
        Self { serves: true, ..Self::default() }
    }

    /// Returns the progress.
    pub(super) fn seen(&self) -> &BackupProgress {
        &self.seen
    }

    /// Takes the next bytes, and hands over the parts in the lines that they end.
    pub(super) fn feed(&mut self, mut bytes: &[u8], take: &mut dyn FnMut(Item)) -> Result<()> {
        self.seen.bytes += bytes.len() as u64;
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, after) = bytes.split_at(end + 1);
            bytes = after;
            self.check_length(line.len())?;
            if self.rest.is_empty() {
                self.line(line, take)?;
            } else {
                let mut whole = std::mem::take(&mut self.rest);
                whole.extend_from_slice(line);
                self.line(&whole, take)?;
            }
        }
        self.check_length(bytes.len())?;
        self.rest.extend_from_slice(bytes);
        Ok(())
    }

    /// Checks that the line that has begun may grow by `more` bytes.
    fn check_length(&self, more: usize) -> Result<()> {
        let most = if self.head.is_none() { LONGEST_HEAD } else { LONGEST };
        match (self.rest.len() + more > most, &self.head) {
            (false, _) => Ok(()),
            (true, None) => Err(no_backup("its first line is not that of a backup")),
            (true, Some(_)) => Err(no_backup(&format!("line {} is longer than any of ours", self.lines + 1))),
        }
    }

    /// Ends the reading, and returns what the backup contains.
    pub(super) fn finish(self) -> Result<Contents> {
        match (self.head, self.sha256, self.rest.is_empty()) {
            (Some(head), Some(sha256), true) => {
                let Self { tables, seen, data_keys, mac, .. } = self;
                Ok(Contents { head, tables, bytes: seen.bytes, sha256, mac, data_keys })
            }
            _ => Err(no_backup("it ends before its last line: the copy is not whole")),
        }
    }

    fn line(&mut self, line: &[u8], take: &mut dyn FnMut(Item)) -> Result<()> {
        self.lines += 1;
        if self.sha256.is_some() {
            return Err(self.damaged("something follows its last line"));
        }
        if self.head.is_none() {
            let head = head(line)?;
            if self.serves {
                head.check_served()?;
            }
            self.hash.update(line);
            self.head = Some(head.clone());
            take(Item::Head(Box::new(head)));
            return Ok(());
        }
        if line.starts_with(b"[") {
            self.hash.update(line);
            return self.row(line, take);
        }
        let mark = serde_json::from_slice(line).map_err(|_| self.damaged("it cannot be read"))?;
        match (mark, self.open.take()) {
            (SectionLine::Begin { table, columns }, None) if self.tables.len() < MOST => {
                self.seen.table.clone_from(&table);
                self.open =
                    Some((TableCount { name: table.clone(), rows: 0, sum: Sum::default() }, columns.len()));
                take(Item::Begin(table, columns));
            }
            (SectionLine::End { end, rows, sum }, Some((found, _)))
                if end == found.name && rows == found.rows && sum == found.sum.to_string() =>
            {
                self.tables.push(found.clone());
                take(Item::End(found));
            }
            (SectionLine::Whole { tables, rows, sha256, mac }, None) => {
                let found = hex(&self.hash.clone().finalize());
                if (tables, rows, &sha256) != (self.tables.len() as u64, self.seen.rows, &found) {
                    return Err(self.damaged("the checksum of what came before is another one"));
                }
                (self.sha256, self.mac) = (Some(found), mac);
            }
            _ => return Err(self.damaged("rows of a table are missing, or were changed")),
        }
        self.hash.update(line);
        Ok(())
    }

    fn row(&mut self, line: &[u8], take: &mut dyn FnMut(Item)) -> Result<()> {
        let Some(cells) = cells(line) else { return Err(self.damaged("it is no row")) };
        let Some((table, columns)) = &mut self.open else {
            return Err(self.damaged("it is a row of no table"));
        };
        if cells.len() != *columns {
            return Err(self.damaged("it is a row of another table"));
        }
        table.rows += 1;
        table.sum.add(&cells);
        self.seen.rows += 1;
        if table.name == "data_keys"
            && self.data_keys.len() < MOST
            && let [kaching_db::Cell::Text(name), kaching_db::Cell::Bytes(sealed)] = cells.as_slice()
        {
            self.data_keys.insert(name.clone(), sealed.clone());
        }
        take(Item::Row(cells));
        Ok(())
    }

    fn damaged(&self, what: &str) -> Error {
        no_backup(&format!("it is damaged at line {} ({what})", self.lines))
    }
}

fn head(line: &[u8]) -> Result<Head> {
    // The format first: a later one may say other things of itself.
    let text = |value: &serde_json::Value, name: &str| value.get(name).cloned().unwrap_or_default();
    let value: serde_json::Value =
        serde_json::from_slice(line).map_err(|_| no_backup("its first line is not that of a backup"))?;
    if text(&value, "format") != FORMAT {
        return Err(no_backup("its first line is not that of a backup"));
    }
    if !(1..=VERSION).any(|version| text(&value, "version") == version) {
        let by = text(&value, "made_by");
        return Err(no_backup(&format!(
            "kaching {by} wrote it in a later format: use that version or a newer one"
        )));
    }
    serde_json::from_value(value).map_err(|_| no_backup("it is damaged at line 1 (it cannot be read)"))
}

pub(super) fn no_backup(why: &str) -> Error {
    Error::coded(ErrorCode::InvalidRequest, format!("this is no backup to use: {why}"))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes any text");
        hex
    })
}
