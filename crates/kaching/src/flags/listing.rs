use clap::Args;
use kaching_api::List;
use serde_json::Value;

use crate::{
    failure::Failure,
    output::Output,
    remote::{Answer, Client, Path},
};

/// Which part of a list.
#[derive(Args)]
pub(crate) struct Listing {
    /// Only what has this in a name, code, reference or key
    #[arg(short, long = "search", value_name = "TEXT")]
    q: Option<String>,
    /// The order: a column, with - before it for the reverse
    #[arg(long, value_name = "COLUMN", allow_hyphen_values = true)]
    sort: Option<String>,
    /// How many rows at most
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=200))]
    rows: u32,
    /// Continue where an earlier list said
    #[arg(long, value_name = "NEXT")]
    after: Option<String>,
    /// Everything, however long
    #[arg(long, conflicts_with_all = ["rows", "after"])]
    all: bool,
}

impl Listing {
    /// Fetches the pages asked for and prints them as one list.
    pub(crate) async fn run<T: serde::de::DeserializeOwned>(
        &self,
        client: &mut Client,
        output: &Output,
        path: Path,
        page: impl FnOnce(Vec<T>) -> String,
    ) -> Result<(), Failure> {
        let list = self.fetch(client, path).await?;
        if output.json {
            return output.value(&list);
        }
        let next = list.next.clone();
        let items = list
            .items
            .into_iter()
            .map(|item| serde_json::from_value(item).map_err(|error| Answer::not_understood(&error)))
            .collect::<Result<Vec<T>, _>>()?;
        let text = if items.is_empty() { "None.".to_owned() } else { page(items) };
        output.words(&text)?;
        match next {
            Some(next) => {
                output.words(&output.style.dim(&format!("There are more: --all, or --after {next}")))
            }
            None => Ok(()),
        }
    }

    async fn fetch(&self, client: &mut Client, path: Path) -> Result<List<Value>, Failure> {
        let rows = if self.all { 200 } else { self.rows };
        let path =
            path.maybe("q", self.q.as_ref()).maybe("sort", self.sort.as_ref()).maybe("limit", Some(&rows));
        let mut list: List<Value> =
            client.get(path.clone().maybe("after", self.after.as_ref())).await?.read()?;
        while let Some(next) = list.next.clone().filter(|_| self.all) {
            let more: List<Value> = client.get(path.clone().with("after", &next)).await?.read()?;
            list.items.extend(more.items);
            list.next = more.next;
        }
        Ok(list)
    }
}
