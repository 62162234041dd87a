use clap::{Subcommand, builder::PossibleValuesParser};
use kaching_api::Token;
use kaching_authority::domain::Scope;

use crate::{
    failure::Failure,
    flags::CsvRow,
    noun::{List, Listed, NoFilter, Noun, Show},
    output::{Card, Output, Table},
    remote::Client,
    words::{ago, ends_on},
};

mod archive;
mod create;
mod edit;

/// API tokens: programs with rights on the authority
#[derive(Subcommand)]
pub(crate) enum TokenCommand {
    Create(create::CreateToken),
    /// List API tokens
    List(List<Token>),
    /// Show an API token, without its secret
    Show(Show<Token>),
    Edit(edit::EditToken),
    Archive(archive::ArchiveToken),
}

impl TokenCommand {
    /// Returns whether the command may create the data directory.
    pub(crate) fn creates_first_data(&self) -> bool {
        matches!(self, Self::Create(_))
    }

    pub(crate) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        match self {
            Self::Create(verb) => verb.run(client, output).await,
            Self::List(verb) => verb.run(client, output).await,
            Self::Show(verb) => verb.run(client, output).await,
            Self::Edit(verb) => verb.run(client, output).await,
            Self::Archive(verb) => verb.run(client, output).await,
        }
    }
}

/// Parses a scope of a token.
fn scopes() -> PossibleValuesParser {
    PossibleValuesParser::new(Scope::ALL.iter().map(|scope| scope.as_str()))
}

impl Noun for Token {
    const PLURAL: &'static str = "tokens";
    const ARGUMENT: &'static str = "TOKEN";
    const ARGUMENT_HELP: &'static str = "The token's id";

    fn card(&self, output: &Output) -> String {
        Card::new(format!("Token {}", self.id))
            .line("Name", &self.name)
            .list("Scopes", &self.scopes)
            .line("Ends", ends(self, output))
            .line("Last used", self.last_used_at.map_or_else(|| "never".to_owned(), |at| ago(at, output.now)))
            .line("Created", ago(self.created_at, output.now))
            .maybe("Archived", self.archived_at.map(|at| ago(at, output.now)))
            .text(output.style)
    }
}

impl CsvRow for Token {
    const COLUMNS: &'static str = "id name scopes expires_at last_used_at created_at updated_at archived_at";
}

impl Listed for Token {
    type Filter = NoFilter;
    const SEARCH_HELP: &'static str =
        "Only those with all these words, or words that begin with them, in the name";

    fn table(rows: &[Self], output: &Output) -> String {
        let mut table = Table::new(["ID", "NAME", "SCOPES", "ENDS", "LAST USED"])
            .shortens([("NAME", 12), ("SCOPES", 10), ("ENDS", 11), ("LAST USED", 11)])
            .leaves_out(["LAST USED", "SCOPES", "ENDS"]);
        for token in rows {
            table.row([
                token.id.to_string(),
                token.name.clone(),
                token.scopes.iter().cloned().collect::<Vec<_>>().join(", "),
                ends(token, output),
                token.last_used_at.map_or_else(|| "never".to_owned(), |at| ago(at, output.now)),
            ]);
        }
        table.fitted(output)
    }
}

fn ends(token: &Token, output: &Output) -> String {
    token.expires_at.map_or_else(|| "never".to_owned(), |at| ends_on(at, output.now))
}
