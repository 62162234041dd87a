use clap::Subcommand;
use kaching_api::AuditEntry;

use crate::{
    failure::Failure,
    output::{Card, Output, Table, ago},
    remote::{Client, Path},
};

mod list;
mod show;

/// What was done and refused, by whom
#[derive(Subcommand)]
pub(crate) enum Command {
    List(list::List),
    Show(show::Show),
}

impl Command {
    pub(crate) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        match self {
            Self::List(verb) => verb.run(client, output).await,
            Self::Show(verb) => verb.run(client, output).await,
        }
    }
}

fn path(entry: &str) -> Path {
    Path::admin("audit").then(entry)
}

fn card(entry: &AuditEntry, output: &Output) -> String {
    Card::new(format!("Audit entry {}", entry.id))
        .line("At", entry.at.to_string())
        .line("Who", format!("{}:{}", entry.actor.kind, entry.actor.id))
        .line("Action", &entry.action)
        .maybe("Target", entry.target.as_ref())
        .line("Outcome", outcome(entry))
        .maybe("Request", entry.request.as_ref())
        .line("Change", entry.change.to_string())
        .maybe("Personal", entry.personal.as_ref().map(ToString::to_string))
        .text(output.style)
}

fn table(entries: &[AuditEntry], output: &Output) -> String {
    let mut table = Table::new(["WHEN", "WHO", "ACTION", "TARGET", "OUTCOME", "CHANGE"]);
    for entry in entries {
        table.row([
            ago(entry.at, output.now),
            format!("{}:{}", entry.actor.kind, entry.actor.id),
            entry.action.clone(),
            entry.target.clone().unwrap_or_default(),
            outcome(entry),
            shortened(&entry.change.to_string()),
        ]);
    }
    table.text(output.style)
}

fn outcome(entry: &AuditEntry) -> String {
    entry.code.map_or_else(|| entry.outcome.clone(), |code| format!("{}: {code}", entry.outcome))
}

/// What fits in a row; `audit show` has the whole.
fn shortened(text: &str) -> String {
    const WIDTH: usize = 60;
    match text.char_indices().nth(WIDTH) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
