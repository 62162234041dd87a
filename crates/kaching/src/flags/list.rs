use clap::Args;
use kaching_api::List;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    export::{CsvRow, Export, FormatArgument},
    labels::pair,
};
use crate::{
    failure::Failure,
    output::Output,
    remote::{Answer, Client, Path},
};

/// The search and the order of a list. Each list names the searched columns in its own help.
#[derive(Args)]
pub(crate) struct ListArguments {
    /// Only those with all these words, or words that begin with them
    #[arg(short, long = "search", value_name = "WORDS")]
    q: Option<String>,
    /// The order: a column of the answer, with - before it for the reverse
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    sort: Option<String>,
    #[command(flatten)]
    part: PageArguments,
}

/// Archived rows are hidden by default.
#[derive(Args)]
pub(crate) struct ArchivedArgument {
    /// Include archived ones
    #[arg(long)]
    archived: bool,
}

/// A search by metadata.
#[derive(Args)]
pub(crate) struct MetadataArgument {
    /// Only those with this entry of metadata; may be given for several keys
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
}

/// A page of a list.
#[derive(Args)]
pub(crate) struct PageArguments {
    /// The most rows, 1 to 200; 50 in a table and with --json
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=200))]
    rows: Option<u32>,
    /// Continue at the position that an earlier list printed
    #[arg(long, value_name = "NEXT")]
    after: Option<String>,
    /// All rows
    #[arg(long, conflicts_with_all = ["rows", "after"])]
    all: bool,
    #[command(flatten)]
    format: FormatArgument,
}

impl MetadataArgument {
    pub(crate) fn apply(&self, path: Path) -> Path {
        self.metadata.iter().fold(path, |path, (key, value)| path.with(&format!("metadata[{key}]"), value))
    }
}

impl ArchivedArgument {
    pub(crate) fn apply(&self, path: Path) -> Path {
        if self.archived { path.with("archived", "true") } else { path }
    }
}

/// The fetched rows.
pub(crate) struct Rows(List<Value>);

impl ListArguments {
    /// Returns the words of the search.
    pub(crate) fn words(&mut self) -> Option<&mut String> {
        self.q.as_mut()
    }

    /// Fetches the rows and prints them, as the text that `page` returns or as the user asks.
    pub(crate) async fn run<T: CsvRow>(
        &self,
        client: &mut Client,
        output: &Output,
        path: Path,
        page: impl FnOnce(Vec<T>) -> String,
    ) -> Result<(), Failure> {
        self.part.run(client, output, self.path(path), page).await
    }

    /// Fetches the rows.
    pub(crate) async fn fetch(&self, client: &mut Client, path: Path) -> Result<Rows, Failure> {
        self.part.fetch(client, self.path(path)).await
    }

    /// Returns the export that the user asks for. `None` for a table, or one JSON document with a page.
    pub(crate) fn export(&self, output: &Output, path: Path) -> Result<Option<Export>, Failure> {
        self.part.export(output, self.path(path))
    }

    fn path(&self, path: Path) -> Path {
        path.maybe("q", self.q.as_ref()).maybe("sort", self.sort.as_ref())
    }
}

/// The most rows of a page of the API.
const LARGEST_PAGE: u32 = 200;

impl PageArguments {
    /// Fetches the rows and prints them, as the text that `page` returns or as the user asks.
    pub(crate) async fn run<T: CsvRow>(
        &self,
        client: &mut Client,
        output: &Output,
        path: Path,
        page: impl FnOnce(Vec<T>) -> String,
    ) -> Result<(), Failure> {
        match self.export(output, path.clone())? {
            Some(export) => export.run::<T>(client).await,
            None => self.fetch(client, path).await?.print(output, page),
        }
    }

    /// Returns the export that the user asks for. `None` for a table, or one JSON document with a page.
    pub(crate) fn export(&self, output: &Output, path: Path) -> Result<Option<Export>, Failure> {
        let Some(format) = self.format.rows(output)? else { return Ok(None) };
        let path = path.maybe("limit", Some(&self.rows.unwrap_or(LARGEST_PAGE)));
        Ok(Some(Export { format, path, after: self.after.clone(), one_page: self.rows.is_some() }))
    }

    /// Fetches the rows.
    pub(crate) async fn fetch(&self, client: &mut Client, path: Path) -> Result<Rows, Failure> {
        let rows = if self.all { Some(LARGEST_PAGE) } else { self.rows };
        let path = path.maybe("limit", rows.as_ref());
        let mut list: List<Value> =
            client.get(path.clone().maybe("after", self.after.as_ref())).await?.read()?;
        // A page without rows is not the end: a filter without an index looks at a part of the list in each call.
        while let Some(next) = list.next.clone().filter(|_| self.all || list.items.is_empty()) {
            let more: List<Value> = client.get(path.clone().with("after", &next)).await?.read()?;
            list.items.extend(more.items);
            list.next = more.next;
        }
        Ok(Rows(list))
    }
}

impl Rows {
    /// Returns the rows as a type of the API.
    pub(crate) fn items<T: DeserializeOwned>(&self) -> Result<Vec<T>, Failure> {
        let read = |item: &Value| T::deserialize(item).map_err(|error| Answer::not_understood(&error));
        self.0.items.iter().map(read).collect()
    }

    /// Prints the rows as JSON, or as the text that `page` returns.
    pub(crate) fn print<T: DeserializeOwned>(
        &self,
        output: &Output,
        page: impl FnOnce(Vec<T>) -> String,
    ) -> Result<(), Failure> {
        if output.json {
            return output.value(&self.0);
        }
        let items = self.items()?;
        output.words(&if items.is_empty() { "None.".to_owned() } else { page(items) })?;
        match &self.0.next {
            Some(next) => {
                output.words(&output.style.dim(&format!("There are more: --all, or --after {next}")))
            }
            None => Ok(()),
        }
    }
}
