use std::collections::BTreeMap;

use kaching_db::Sum;

use super::Head;

/// The contents of a whole backup.
pub struct Contents {
    /// Its first line.
    pub head: Head,
    /// Its tables, in its order.
    pub tables: Vec<TableCount>,
    /// Its length in bytes.
    pub bytes: u64,
    /// The SHA-256 of all but the last line, in hexadecimal digits.
    pub sha256: String,
    /// The code that authenticates it, of all but backups of the first version.
    pub(crate) mac: Option<String>,
    /// The keys that its values are sealed under, sealed under the master key.
    pub(crate) data_keys: BTreeMap<String, Vec<u8>>,
}

/// The size of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableCount {
    /// Its name.
    pub name: String,
    /// Its rows.
    pub rows: u64,
    /// Their sum.
    pub sum: Sum,
}

/// The progress of a copy.
#[derive(Clone, Debug, Default)]
pub struct BackupProgress {
    /// The table.
    pub table: String,
    /// Rows so far, of all tables.
    pub rows: u64,
    /// Bytes so far.
    pub bytes: u64,
}

impl Contents {
    /// The number of all rows.
    pub fn rows(&self) -> u64 {
        self.tables.iter().map(|table| table.rows).sum()
    }
}
