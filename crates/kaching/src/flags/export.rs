//! Lists for other programs: every row, written page by page.

use std::io::{IsTerminal as _, Stdout, stdout};

use clap::{Args, ValueEnum};
use kaching_api::List;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    failure::Failure,
    output::{Output, RowFormat, RowWriter, remark, show_progress},
    remote::{Client, Path},
};

/// The rows of a list.
pub(crate) trait CsvRow: DeserializeOwned {
    /// The columns of a CSV file, with spaces between them: members of the API, with the path to one within another, as in
    /// `contact.url`. Columns are added at the end, since spreadsheets and scripts depend on their places.
    const COLUMNS: &'static str;
}

/// The form of a list.
#[derive(Args)]
pub(crate) struct FormatArgument {
    /// The form. csv, json and ndjson have all rows, unless --rows is given; ndjson is one JSON document a line
    #[arg(long, value_name = "FORMAT", value_enum, default_value_t = ListFormat::Table)]
    format: ListFormat,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ListFormat {
    Table,
    Csv,
    Json,
    Ndjson,
}

impl FormatArgument {
    /// Returns the form of rows for other programs. `None` for a table, or one JSON document with a page.
    ///
    /// # Errors
    /// If the user asks for one JSON document and another form, too.
    pub(crate) fn rows(&self, output: &Output) -> Result<Option<RowFormat>, Failure> {
        match self.format {
            ListFormat::Table => Ok(None),
            ListFormat::Csv if output.json => {
                Err(Failure::usage("--json and --format csv contradict each other: give one of them."))
            }
            ListFormat::Csv => Ok(Some(RowFormat::Csv)),
            ListFormat::Json => Ok(Some(RowFormat::Json)),
            ListFormat::Ndjson => Ok(Some(RowFormat::Ndjson)),
        }
    }
}

/// The rows of a list, in a form for other programs.
pub(crate) struct Export {
    pub(super) format: RowFormat,
    /// The list, without its position.
    pub(super) path: Path,
    pub(super) after: Option<String>,
    /// Whether to end after the first page.
    pub(super) one_page: bool,
}

impl Export {
    /// Fetches and prints the rows.
    pub(crate) async fn run<T: CsvRow>(self, client: &mut Client) -> Result<(), Failure> {
        self.run_with(client, T::COLUMNS, async |_, _| Ok(())).await
    }

    /// As [`run`](Self::run), in these columns of a CSV file; `add` adds members to the rows of each page.
    pub(crate) async fn run_with(
        mut self,
        client: &mut Client,
        columns: &str,
        mut add: impl AsyncFnMut(&mut Client, &mut Vec<Value>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        // Nothing is written before it is known that there is something to write.
        let mut page = self.page(client, &mut add).await?;
        let mut writer = RowWriter::on_standard_output(self.format, columns)?;
        let progress = ExportProgress { shown: !stdout().is_terminal() };
        loop {
            page.items.iter().try_for_each(|row| writer.row(row))?;
            progress.show(writer.rows());
            self.after = page.next.take();
            if self.after.is_none() || self.one_page {
                break;
            }
            page = match self.page(client, &mut add).await {
                Ok(page) => page,
                Err(failure) => return Err(self.incomplete(failure, writer)),
            };
        }
        drop(progress);
        writer.end(self.after.as_deref())?;
        // A JSON document has the position in it.
        if let Some(next) = self.after.filter(|_| self.format != RowFormat::Json) {
            remark(&format!("There are more: --after {next}"));
        }
        Ok(())
    }

    async fn page(
        &self,
        client: &mut Client,
        add: &mut impl AsyncFnMut(&mut Client, &mut Vec<Value>) -> Result<(), Failure>,
    ) -> Result<List<Value>, Failure> {
        let path = self.path.clone().maybe("after", self.after.as_ref());
        let mut page: List<Value> = client.get(path).await?.read()?;
        add(client, &mut page.items).await?;
        Ok(page)
    }

    /// Returns the failure with how to go on. The rows so far are written when the writer is dropped.
    fn incomplete(&self, failure: Failure, writer: RowWriter<Stdout>) -> Failure {
        let after = self.after.as_deref().unwrap_or_default();
        failure.after(Some(format!("{} rows were written. The others: --after {after}", writer.rows())))
    }
}

/// The number of rows on the terminal, unless the rows themselves are there. Dropping it removes the line.
struct ExportProgress {
    shown: bool,
}

impl ExportProgress {
    fn show(&self, rows: u64) {
        if self.shown {
            show_progress(&format!("{rows} rows"));
        }
    }
}

impl Drop for ExportProgress {
    fn drop(&mut self) {
        if self.shown {
            show_progress("");
        }
    }
}
