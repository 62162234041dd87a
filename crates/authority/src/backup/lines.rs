//! The lines of a backup.

use kaching_base::Base64Url;
use kaching_db::{Cell, Sum};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::keys::Locked;

/// The version of the format that this program writes. It reads the first one, too, which has no MAC.
pub(super) const VERSION: u32 = 2;
pub(super) const FORMAT: &str = "kaching-backup";

/// The first line, which describes the backup.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    pub(super) format: String,
    pub(super) version: u32,
    /// When the state that it holds was the present one.
    pub made_at: String,
    /// The version of the program that made it.
    pub made_by: String,
    /// The engine that it was read from; either takes it.
    pub engine: String,
    /// The authority's life between restores.
    pub epoch: u64,
    /// The issuer that the keyset names.
    pub issuer: String,
    /// The public halves of the roots.
    pub roots: Vec<String>,
    /// The migrations that the schema has.
    pub migrations: Vec<String>,
    /// The lowest version of the program that can serve it.
    pub minimum_version: String,
    /// The master key, under a passphrase, where it was asked for.
    pub master_key: Option<Locked>,
}

/// The other lines that are no rows.
#[derive(Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(super) enum SectionLine {
    /// Rows of this table follow.
    Begin { table: String, columns: Vec<String> },
    /// They are all here.
    End { end: String, rows: u64, sum: String },
    /// So is everything. `mac` authenticates `sha256`, which is that of all lines before; the first version had none.
    Whole {
        tables: u64,
        rows: u64,
        sha256: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        mac: Option<String>,
    },
}

impl SectionLine {
    pub(super) fn end(table: &str, rows: u64, sum: Sum) -> Self {
        Self::End { end: table.to_owned(), rows, sum: sum.to_string() }
    }
}

/// A row: whole numbers, texts and nulls are themselves, bytes are `{"b": base64url}`.
pub(super) fn row(cells: &[Cell]) -> Vec<u8> {
    let value = |cell: &Cell| match cell {
        Cell::Null => Value::Null,
        Cell::Int(n) => Value::from(*n),
        Cell::Text(text) => Value::from(text.as_str()),
        Cell::Bytes(bytes) => serde_json::json!({ "b": Base64Url(bytes).to_string() }),
    };
    line(&Value::Array(cells.iter().map(value).collect()))
}

pub(super) fn line(value: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).expect("our own lines are plain data");
    line.push(b'\n');
    line
}

/// Reads what [`row`] wrote.
pub(super) fn cells(line: &[u8]) -> Option<Vec<Cell>> {
    let cell = |value: Value| {
        Some(match value {
            Value::Null => Cell::Null,
            Value::Number(n) => Cell::Int(n.as_i64()?),
            Value::String(text) => Cell::Text(text),
            Value::Object(members) => match (members.len(), members.get("b")) {
                (1, Some(Value::String(text))) => Cell::Bytes(Base64Url::decode(text.as_bytes())?),
                _ => return None,
            },
            Value::Bool(_) | Value::Array(_) => return None,
        })
    };
    serde_json::from_slice::<Vec<Value>>(line).ok()?.into_iter().map(cell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_it_was_written() {
        let text = |text: &str| Cell::Text(text.to_owned());
        let cells_ = vec![
            Cell::Null,
            Cell::Int(i64::MIN),
            Cell::Int(i64::MAX),
            text(""),
            text("a\"\n\u{0}ä"),
            text("{\"b\":\"AA\"}"),
            Cell::Bytes(Vec::new()),
            Cell::Bytes(vec![0, 255, 10]),
        ];
        let line = row(&cells_);
        assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1, "one line");
        assert_eq!(cells(&line), Some(cells_));
        for wrong in
            ["[true]", "[1.5]", "[[]]", "[{}]", "[{\"b\":\"!\"}]", "[{\"b\":\"AA\",\"c\":1}]", "{", "[1]x"]
        {
            assert_eq!(cells(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
