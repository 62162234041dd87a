use std::io::{self, Write};

use csv::{Terminator, Writer, WriterBuilder};
use serde_json::Value;

use crate::failure::Failure;

/// The bytes that are gathered before they are written.
const BUFFER: usize = 64 * 1024;

/// A CSV file by RFC 4180: a header, lines that end with CRLF, quotes where they are needed. Without [`finish`](Self::finish)
/// the last rows may be lost.
pub struct Csv<W: Write> {
    writer: Writer<W>,
}

/// A cell of a CSV file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CsvCell {
    /// A text. A spreadsheet would run one that begins like a formula, so an apostrophe is written before that.
    Text(String),
    /// A number, which is written as it is, also a negative one.
    Number(String),
}

impl<W: Write> Csv<W> {
    /// Begins a file with its header.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn new(to: W, header: impl IntoIterator<Item: AsRef<[u8]>>) -> Result<Self, Failure> {
        let writer =
            WriterBuilder::new().terminator(Terminator::CRLF).buffer_capacity(BUFFER).from_writer(to);
        let mut csv = Self { writer };
        csv.writer.write_record(header).map_err(unwritten)?;
        Ok(csv)
    }

    /// Writes a row of as many cells as the header has.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn row(&mut self, cells: impl IntoIterator<Item = CsvCell>) -> Result<(), Failure> {
        self.writer.write_record(cells.into_iter().map(CsvCell::into_text)).map_err(unwritten)
    }

    /// Writes the last rows.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn finish(mut self) -> Result<(), Failure> {
        Ok(self.writer.flush()?)
    }
}

impl CsvCell {
    /// Returns the cell of a member of a JSON document. Lists of words are joined by `;`, objects are written as JSON, and
    /// null, an empty list and an empty object are empty.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::text(""),
            Value::Bool(_) | Value::Number(_) => Self::Number(value.to_string()),
            Value::String(text) => Self::text(text),
            Value::Array(items) if items.iter().all(Value::is_string) => {
                let words: Vec<&str> = items.iter().filter_map(Value::as_str).collect();
                Self::Text(words.join(";"))
            }
            Value::Object(members) if members.is_empty() => Self::text(""),
            Value::Array(_) | Value::Object(_) => Self::Text(value.to_string()),
        }
    }

    /// Returns the cell of a text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    fn into_text(self) -> String {
        match self {
            Self::Text(text) if begins_like_a_formula(&text) => format!("'{text}"),
            Self::Text(text) | Self::Number(text) => text,
        }
    }
}

/// Whether a spreadsheet may take the text for a formula: <https://owasp.org/www-community/attacks/CSV_Injection>.
fn begins_like_a_formula(text: &str) -> bool {
    text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠'])
}

fn unwritten(error: csv::Error) -> Failure {
    io::Error::from(error).into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(cells: impl IntoIterator<Item = CsvCell>) -> String {
        let mut bytes = Vec::new();
        let mut csv = Csv::new(&mut bytes, ["A", "B"]).unwrap();
        csv.row(cells).unwrap();
        csv.finish().unwrap();
        String::from_utf8(bytes).unwrap().strip_prefix("A,B\r\n").unwrap().to_owned()
    }

    #[test]
    fn quotes_only_what_needs_it() {
        let cells = [CsvCell::text("Acme, \"the\" one\nBerlin"), CsvCell::text("東京 Gru\u{308}n")];
        assert_eq!(written(cells), "\"Acme, \"\"the\"\" one\nBerlin\",東京 Gru\u{308}n\r\n");
    }

    #[test]
    fn no_text_is_a_formula_for_a_spreadsheet() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx", "＝1", "－1"] {
            let cell = CsvCell::text(text).into_text();
            assert_eq!(cell, format!("'{text}"));
        }
        for text in ["", "a=b", "'=1", "Acme - Berlin", "2027-01-01T00:00:00Z"] {
            assert_eq!(CsvCell::text(text).into_text(), text);
        }
        assert_eq!(written([CsvCell::of(&json!(-5)), CsvCell::of(&json!("-5"))]), "-5,'-5\r\n");
    }

    #[test]
    fn members_of_json_have_one_form_each() {
        for (value, text) in [
            (json!(null), ""),
            (json!([]), ""),
            (json!({}), ""),
            (json!(true), "true"),
            (json!(2.5), "2.5"),
            (json!(["federation", "sso"]), "federation;sso"),
            (json!(["=a", "b"]), "'=a;b"),
            (json!([{"kind": "domain"}]), r#"[{"kind":"domain"}]"#),
            (json!({"order": "=1"}), r#"{"order":"=1"}"#),
        ] {
            assert_eq!(CsvCell::of(&value).into_text(), text);
        }
    }
}
