use std::io::{BufWriter, IsTerminal as _, Stdout, Write, stdout};

use kaching_base::printable;
use serde_json::Value;

use super::{Csv, CsvCell};
use crate::failure::Failure;

/// The bytes that are gathered before they are written.
const BUFFER: usize = 64 * 1024;

/// The form of rows for other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowFormat {
    /// A CSV file.
    Csv,
    /// One JSON document, as a page of the API.
    Json,
    /// One JSON document for each row, each on a line.
    Ndjson,
}

/// Writes rows one by one, so that their number costs no memory.
pub struct RowWriter<W: Write> {
    form: Form<W>,
    rows: u64,
}

enum Form<W: Write> {
    Csv {
        file: Box<Csv<W>>,
        columns: Vec<String>,
        /// Whether a terminal shows it, where no character may move the cursor or hide.
        escaped: bool,
    },
    Json(BufWriter<W>),
    Ndjson(BufWriter<W>),
}

impl RowWriter<Stdout> {
    /// Begins on standard output. A CSV file has these columns, with spaces between them: paths of members, as in
    /// `contact.url`.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn on_standard_output(format: RowFormat, columns: &str) -> Result<Self, Failure> {
        Self::new(stdout(), format, columns, stdout().is_terminal())
    }
}

impl<W: Write> RowWriter<W> {
    fn new(to: W, format: RowFormat, columns: &str, escaped: bool) -> Result<Self, Failure> {
        let buffered = |to| BufWriter::with_capacity(BUFFER, to);
        let form = match format {
            RowFormat::Csv => {
                let columns: Vec<String> = columns.split(' ').map(str::to_owned).collect();
                Form::Csv { file: Box::new(Csv::new(to, &columns)?), columns, escaped }
            }
            RowFormat::Json => {
                let mut out = buffered(to);
                out.write_all(b"{\"items\":[")?;
                Form::Json(out)
            }
            RowFormat::Ndjson => Form::Ndjson(buffered(to)),
        };
        Ok(Self { form, rows: 0 })
    }

    /// Writes a row.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn row(&mut self, row: &Value) -> Result<(), Failure> {
        match &mut self.form {
            Form::Csv { file, columns, escaped } => {
                file.row(columns.iter().map(|column| cell(row, column, *escaped)))?;
            }
            Form::Json(out) => {
                out.write_all(if self.rows == 0 { b"\n" } else { b",\n" })?;
                write_json(out, row)?;
            }
            Form::Ndjson(out) => {
                write_json(out, row)?;
                out.write_all(b"\n")?;
            }
        }
        self.rows += 1;
        Ok(())
    }

    /// Returns the number of rows so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Ends the document. `next` is the position after the last row, if there are more.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn end(self, next: Option<&str>) -> Result<(), Failure> {
        match self.form {
            Form::Csv { file, .. } => file.finish(),
            Form::Ndjson(mut out) => Ok(out.flush()?),
            Form::Json(mut out) => {
                out.write_all(b"\n],\"next\":")?;
                write_json(&mut out, &Value::from(next))?;
                out.write_all(b"}\n")?;
                Ok(out.flush()?)
            }
        }
    }
}

/// Returns the cell of the member with this path. A row without it has an empty cell.
fn cell(row: &Value, path: &str, escaped: bool) -> CsvCell {
    let member = path.split('.').try_fold(row, |value, name| value.get(name));
    match member.map_or_else(|| CsvCell::text(""), CsvCell::of) {
        CsvCell::Text(text) if escaped => CsvCell::text(printable(&text)),
        cell => cell,
    }
}

fn write_json(out: &mut impl Write, value: &Value) -> Result<(), Failure> {
    Ok(serde_json::to_writer(out, value).map_err(std::io::Error::from)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn written(format: RowFormat, rows: &[Value], escaped: bool) -> String {
        let mut bytes = Vec::new();
        let mut writer = RowWriter::new(&mut bytes, format, "id contact.url", escaped).unwrap();
        for row in rows {
            writer.row(row).unwrap();
        }
        assert_eq!(writer.rows(), rows.len() as u64);
        writer.end(None).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn each_format_has_every_row() {
        let rows = [json!({"id": "a", "contact": {"url": "https://x"}}), json!({"id": "b", "contact": {}})];
        assert_eq!(written(RowFormat::Csv, &rows, false), "id,contact.url\r\na,https://x\r\nb,\r\n");
        let lines = "{\"id\":\"a\",\"contact\":{\"url\":\"https://x\"}}\n{\"id\":\"b\",\"contact\":{}}\n";
        assert_eq!(written(RowFormat::Ndjson, &rows, false), lines);
        let document: Value = serde_json::from_str(&written(RowFormat::Json, &rows, false)).unwrap();
        assert_eq!(document, json!({"items": rows, "next": null}));
    }

    #[test]
    fn no_rows_are_an_empty_document() {
        assert_eq!(written(RowFormat::Csv, &[], false), "id,contact.url\r\n");
        assert_eq!(written(RowFormat::Ndjson, &[], false), "");
        let document: Value = serde_json::from_str(&written(RowFormat::Json, &[], false)).unwrap();
        assert_eq!(document, json!({"items": [], "next": null}));
    }

    #[test]
    fn only_a_terminal_gets_escapes() {
        let rows = [json!({"id": "a\u{1b}[2J\u{202e}"})];
        assert!(written(RowFormat::Csv, &rows, false).contains("a\u{1b}[2J\u{202e},"));
        assert!(written(RowFormat::Csv, &rows, true).contains("a\\u{1b}[2J\\u{202e},"));
    }
}
