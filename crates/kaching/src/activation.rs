use clap::Subcommand;
use kaching_api::{Activation, ReportedHealth};

use crate::{
    failure::Failure,
    flags::CsvRow,
    noun::{Noun, Show},
    output::{Card, Output, Table, word},
    remote::Client,
    words::{ago, exact},
};

mod list;
mod r#move;
mod release;

/// Installations that use a license
#[derive(Subcommand)]
pub(crate) enum ActivationCommand {
    List(list::ListActivations),
    /// Show an activation
    Show(Show<Activation>),
    Release(release::ReleaseActivation),
    Move(r#move::MoveActivation),
}

impl ActivationCommand {
    pub(crate) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        match self {
            Self::List(verb) => verb.run(client, output).await,
            Self::Show(verb) => verb.run(client, output).await,
            Self::Release(verb) => verb.run(client, output).await,
            Self::Move(verb) => verb.run(client, output).await,
        }
    }
}

impl Noun for Activation {
    const PLURAL: &'static str = "activations";
    const ARGUMENT: &'static str = "ACTIVATION";
    const ARGUMENT_HELP: &'static str = "The activation's id";

    fn card(&self, output: &Output) -> String {
        let levels = self.levels.iter().map(|(name, level)| format!("{name} {level}"));
        Card::new(format!("Activation {}", self.id))
            .line("Status", word(&self.status))
            .line("License", self.license.to_string())
            .line("Kind", self.kind.as_str())
            .line("Fingerprint", &self.fingerprint)
            .maybe("Name", self.name.as_ref())
            .maybe("Version", self.version.as_ref())
            .maybe("Health", self.health.as_ref().map(health_in_words))
            .maybe("Address", self.address.as_ref())
            .list("Levels", levels)
            .line("Active since", ago(self.activated_at, output.now))
            .line("Last seen", ago(self.last_seen_at, output.now))
            .maybe("Lapses", self.lapses_at.map(|at| ago(at, output.now)))
            .text(output.style)
    }
}

impl CsvRow for Activation {
    const COLUMNS: &'static str = "id license kind fingerprint name status health.status health.detail health.since version address levels \
         activated_at last_seen_at lapses_at";
}

/// Returns `degraded: queue is full (since 2027-11-22T08:00:00Z)`.
fn health_in_words(health: &ReportedHealth) -> String {
    let detail = health.detail.as_ref().map(|detail| format!(": {detail}")).unwrap_or_default();
    let since = health.since.map(|at| format!(" (since {})", exact(at))).unwrap_or_default();
    format!("{}{detail}{since}", word(&health.status))
}

fn table(activations: &[Activation], output: &Output) -> String {
    let mut table = Table::new(["ID", "LICENSE", "KIND", "NAME", "STATUS", "HEALTH", "VERSION", "LAST SEEN"])
        .shortens([("NAME", 12), ("VERSION", 7), ("LAST SEEN", 11)])
        .leaves_out(["VERSION", "KIND", "HEALTH", "LAST SEEN", "LICENSE"]);
    for activation in activations {
        table.row([
            activation.id.to_string(),
            activation.license.to_string(),
            activation.kind.to_string(),
            activation.name.clone().unwrap_or_else(|| activation.fingerprint.chars().take(24).collect()),
            word(&activation.status),
            activation.health.as_ref().map(|health| word(&health.status)).unwrap_or_default(),
            activation.version.clone().unwrap_or_default(),
            ago(activation.last_seen_at, output.now),
        ]);
    }
    table.fitted(output)
}
