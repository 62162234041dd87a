//! The commands that the nouns of the command line share: list, show and archive.

use std::marker::PhantomData;

use clap::Args;
use kaching_base::ErrorCode;
use serde::de::DeserializeOwned;

use crate::{
    failure::Failure,
    flags::{ArchivedArgument, Confirmation, CsvRow, ListArguments},
    output::Output,
    remote::{Client, Path},
    words::sentence,
};

/// A type of the admin API that commands address by one argument.
pub(crate) trait Noun: DeserializeOwned {
    /// The segment of the API's paths.
    const PLURAL: &'static str;
    /// The name of the argument in the help, and what it takes.
    const ARGUMENT: &'static str;
    const ARGUMENT_HELP: &'static str;

    fn card(&self, output: &Output) -> String;

    fn path(argument: &str) -> Path {
        Path::admin(Self::PLURAL).then(argument)
    }
}

/// A noun whose list can be searched, and has archived rows.
pub(crate) trait Listed: Noun + CsvRow {
    /// The flags of the list beyond those that every list has.
    type Filter: Args + Filter;
    /// The help of `--search`: it names the columns that are searched.
    const SEARCH_HELP: &'static str;

    fn table(rows: &[Self], output: &Output) -> String;
}

/// Flags that become parameters of a query.
pub(crate) trait Filter {
    fn apply(&self, path: Path) -> Path;
}

// The commands below have no documentation comments, which clap would print: their nouns describe them.

#[derive(Args)]
pub(crate) struct Show<N: Noun> {
    #[arg(value_name = N::ARGUMENT, help = N::ARGUMENT_HELP)]
    argument: String,
    #[arg(skip)]
    noun: PhantomData<N>,
}

impl<N: Noun> Show<N> {
    pub(crate) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = client.get(N::path(&self.argument)).await?;
        output.answer(&answer, |noun: N| noun.card(output))
    }
}

#[derive(Args)]
#[command(mut_arg("q", |q| q.help(N::SEARCH_HELP)))]
pub(crate) struct List<N: Listed> {
    #[command(flatten)]
    filter: N::Filter,
    #[command(flatten)]
    archived: ArchivedArgument,
    #[command(flatten)]
    listing: ListArguments,
    #[arg(skip)]
    noun: PhantomData<N>,
}

impl<N: Listed> List<N> {
    pub(crate) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path = self.archived.apply(self.filter.apply(Path::admin(N::PLURAL)));
        self.listing.run(client, output, path, |rows: Vec<N>| N::table(&rows, output)).await
    }
}

#[derive(Args)]
pub(crate) struct Archive<N: Noun> {
    #[arg(value_name = N::ARGUMENT, help = N::ARGUMENT_HELP)]
    argument: String,
    #[command(flatten)]
    confirmation: Confirmation,
    #[arg(skip)]
    noun: PhantomData<N>,
}

impl<N: Noun> Archive<N> {
    /// Archives. If the authority refuses because licenses use it, the user confirms by typing its name.
    pub(crate) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path = N::path(&self.argument);
        let forced = path.clone().with("force", "true");
        let answer = if self.confirmation.given() {
            client.delete(forced).await?
        } else {
            match client.delete(path).await {
                Err(Failure::Answered(problem)) if problem.code == ErrorCode::WrongState.as_str() => {
                    self.confirmation.typed(&sentence(&problem.detail), &self.argument)?;
                    client.delete(forced).await?
                }
                answered => answered?,
            }
        };
        output.done(&answer, &format!("Archived {}.", self.argument))
    }
}

/// No flags of its own.
#[derive(Args)]
pub(crate) struct NoFilter {}

impl Filter for NoFilter {
    fn apply(&self, path: Path) -> Path {
        path
    }
}

/// A list of what belongs to a product.
#[derive(Args)]
pub(crate) struct OfProduct {
    /// Only those of this product
    #[arg(long, value_name = "PRODUCT")]
    product: Option<String>,
}

impl Filter for OfProduct {
    fn apply(&self, path: Path) -> Path {
        path.maybe("product", self.product.as_ref())
    }
}
