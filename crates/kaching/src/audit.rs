use clap::Subcommand;
use kaching_api::AuditEntry;

use crate::{
    failure::Failure,
    flags::CsvRow,
    output::{Output, Table},
    remote::Client,
    words::exact,
};

mod list;

/// The audit log: changes and refusals, with their actors
#[derive(Subcommand)]
pub(crate) enum AuditCommand {
    List(list::ListAudit),
}

impl AuditCommand {
    pub(crate) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        match self {
            Self::List(verb) => verb.run(client, output).await,
        }
    }
}

impl CsvRow for AuditEntry {
    const COLUMNS: &'static str =
        "id at actor.kind actor.id action target outcome code request change personal";
}

fn table(entries: &[AuditEntry], output: &Output) -> String {
    let mut table = Table::new(["WHEN", "WHO", "ACTION", "TARGET", "OUTCOME", "CHANGE"])
        .shortens([("CHANGE", 10)])
        .leaves_out(["CHANGE", "WHO", "OUTCOME"]);
    for entry in entries {
        table.row([
            exact(entry.at),
            if entry.actor.id.is_empty() {
                entry.actor.kind.clone()
            } else {
                format!("{}:{}", entry.actor.kind, entry.actor.id)
            },
            entry.action.clone(),
            entry.target.clone().unwrap_or_default(),
            outcome(entry),
            shown(&entry.change.to_string(), output),
        ]);
    }
    table.fitted(output)
}

fn outcome(entry: &AuditEntry) -> String {
    entry.code.map_or_else(|| entry.outcome.clone(), |code| format!("{}: {code}", entry.outcome))
}

/// Returns the text cut to a bearable width, unless the table fits a terminal; `--json` has the whole.
fn shown(text: &str, output: &Output) -> String {
    const WIDTH: usize = 60;
    match text.char_indices().nth(WIDTH).filter(|_| output.width.is_none()) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
