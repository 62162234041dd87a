use clap::Args;
use kaching_api::List;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::labels::pair;
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
    /// The most rows
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    rows: u32,
    /// Continue at the position that an earlier list printed
    #[arg(long, value_name = "NEXT")]
    after: Option<String>,
    /// All rows
    #[arg(long, conflicts_with_all = ["rows", "after"])]
    all: bool,
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

    /// Fetches the rows and prints them.
    pub(crate) async fn run<T: DeserializeOwned>(
        &self,
        client: &mut Client,
        output: &Output,
        path: Path,
        page: impl FnOnce(Vec<T>) -> String,
    ) -> Result<(), Failure> {
        self.fetch(client, path).await?.print(output, page)
    }

    /// Fetches the rows.
    pub(crate) async fn fetch(&self, client: &mut Client, path: Path) -> Result<Rows, Failure> {
        let path = path.maybe("q", self.q.as_ref()).maybe("sort", self.sort.as_ref());
        self.part.fetch(client, path).await
    }
}

impl PageArguments {
    /// Fetches the rows.
    pub(crate) async fn fetch(&self, client: &mut Client, path: Path) -> Result<Rows, Failure> {
        let rows = if self.all { 200 } else { self.rows };
        let path = path.maybe("limit", Some(&rows));
        let mut list: List<Value> =
            client.get(path.clone().maybe("after", self.after.as_ref())).await?.read()?;
        while let Some(next) = list.next.clone().filter(|_| self.all) {
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
