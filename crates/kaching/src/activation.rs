use clap::Subcommand;
use kaching_api::Activation;

use crate::{
    failure::Failure,
    output::{Card, Output, Table, ago, word},
    remote::{Client, Path},
};

mod list;
mod r#move;
mod release;
mod show;

/// Installations that use a license
#[derive(Subcommand)]
pub(crate) enum Command {
    List(list::List),
    Show(show::Show),
    Release(release::Release),
    Move(r#move::Move),
}

impl Command {
    pub(crate) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        match self {
            Self::List(verb) => verb.run(client, output).await,
            Self::Show(verb) => verb.run(client, output).await,
            Self::Release(verb) => verb.run(client, output).await,
            Self::Move(verb) => verb.run(client, output).await,
        }
    }
}

fn path(activation: &str) -> Path {
    Path::admin("activations").then(activation)
}

fn card(activation: &Activation, output: &Output) -> String {
    let levels = activation.levels.iter().map(|(name, level)| format!("{name} {level}"));
    Card::new(format!("Activation {}", activation.id))
        .line("Status", word(&activation.status))
        .line("License", activation.license.to_string())
        .line("Kind", activation.kind.as_str())
        .line("Fingerprint", &activation.fingerprint)
        .maybe("Name", activation.name.as_ref())
        .maybe("Version", activation.version.as_ref())
        .maybe("Address", activation.address.as_ref())
        .list("Levels", levels)
        .line("Active since", ago(activation.activated_at, output.now))
        .line("Last seen", ago(activation.last_seen_at, output.now))
        .maybe("Lapses", activation.lapses_at.map(|at| ago(at, output.now)))
        .text(output.style)
}

fn table(activations: &[Activation], output: &Output) -> String {
    let mut table = Table::new(["ID", "LICENSE", "KIND", "NAME", "STATUS", "VERSION", "LAST SEEN"]);
    for activation in activations {
        table.row([
            activation.id.to_string(),
            activation.license.to_string(),
            activation.kind.to_string(),
            activation.name.clone().unwrap_or_else(|| activation.fingerprint.chars().take(24).collect()),
            word(&activation.status),
            activation.version.clone().unwrap_or_default(),
            ago(activation.last_seen_at, output.now),
        ]);
    }
    table.text(output.style)
}
