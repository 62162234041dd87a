use clap::Subcommand;
use kaching_api::Token;

use crate::{
    failure::Failure,
    output::{Card, Output, Table, ago, ends_on},
    remote::{Client, Path},
};

mod archive;
mod create;
mod edit;
mod list;
mod show;

/// API tokens: programs with rights on the authority
#[derive(Subcommand)]
pub(crate) enum Command {
    Create(create::Create),
    List(list::List),
    Show(show::Show),
    Edit(edit::Edit),
    Archive(archive::Archive),
}

impl Command {
    /// Whether it makes a first thing, so that a data directory is made for it where there is none.
    pub(crate) fn makes(&self) -> bool {
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

/// What a token may do; `admin` is everything.
const SCOPES: [&str; 9] = [
    "admin",
    "read",
    "catalogue:write",
    "customers:write",
    "licenses:write",
    "licenses:key",
    "personal:read",
    "audit:personal",
    "backup",
];

fn path(token: &str) -> Path {
    Path::admin("tokens").then(token)
}

fn card(token: &Token, output: &Output) -> String {
    Card::new(format!("Token {}", token.id))
        .line("Name", &token.name)
        .list("Scopes", &token.scopes)
        .line("Ends", ends(token, output))
        .line("Last used", token.last_used_at.map_or_else(|| "never".to_owned(), |at| ago(at, output.now)))
        .line("Made", ago(token.created_at, output.now))
        .maybe("Archived", token.archived_at.map(|at| ago(at, output.now)))
        .text(output.style)
}

fn table(tokens: &[Token], output: &Output) -> String {
    let mut table = Table::new(["ID", "NAME", "SCOPES", "ENDS", "LAST USED"]);
    for token in tokens {
        table.row([
            token.id.to_string(),
            token.name.clone(),
            token.scopes.iter().cloned().collect::<Vec<_>>().join(", "),
            ends(token, output),
            token.last_used_at.map_or_else(|| "never".to_owned(), |at| ago(at, output.now)),
        ]);
    }
    table.text(output.style)
}

fn ends(token: &Token, output: &Output) -> String {
    token.expires_at.map_or_else(|| "never".to_owned(), |at| ends_on(at, output.now))
}
