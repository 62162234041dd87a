use kaching_api::{Activation, License};

use super::{Names, called};
use crate::{
    customer::names,
    failure::Failure,
    output::{Card, Output, Table, limits, pairs, policy, word},
    remote::{Answer, Client},
    words::{ago, begins},
};

/// Prints a license as JSON, or as a card followed by `more`.
pub(super) async fn show(
    answer: &Answer,
    client: &mut Client,
    output: &Output,
    more: impl FnOnce(&License) -> String,
) -> Result<(), Failure> {
    if output.json {
        return output.value(&answer.json()?);
    }
    let license: License = answer.read()?;
    let names = names(client, [license.customer]).await;
    output.words(&format!("{}{}", card(&license, &names, output), more(&license)))
}

/// Returns the card of a license.
fn card(license: &License, names: &Names, output: &Output) -> String {
    let bindings = license.bindings.iter().map(|bound| format!("{}={}", bound.kind, bound.value));
    let scheduled = license
        .scheduled
        .as_ref()
        .map(|change| format!("{}:{} from {}", license.product, change.plan, begins(change.at, output.now)));
    let card = Card::new(format!("License {}", license.id))
        .line("State", word(&license.state))
        .maybe("Suspended for", license.suspended_reason.clone())
        .line("Customer", called(names, license.customer))
        .line("Plan", format!("{}:{}", license.product, license.plan))
        .maybe("Changes to", scheduled)
        .line("Type", license.kind.as_str())
        .line(
            "Starts",
            license
                .starts_at
                .map_or_else(|| "with the first activation".to_owned(), |at| begins(at, output.now)),
        )
        .line("Ends", super::ends(license, output))
        .list("Features", &license.features)
        .line("Limits", limits(&license.limits))
        .line("Slots in use", super::used(license))
        .list("Bound to", bindings);
    policy(card, &license.lease_policy, license.kind)
        .list("Tags", &license.tags)
        .line("Notes", &license.notes)
        .line("Metadata", pairs(&license.metadata))
        .line("Revision", license.revision.to_string())
        .line("Created", ago(license.created_at, output.now))
        .maybe("Deleted", license.archived_at.map(|at| ago(at, output.now)))
        .text(output.style)
}

/// Returns the table of its activations.
pub(super) fn activations(activations: &[Activation], output: &Output) -> String {
    if activations.is_empty() {
        return output.style.dim("Not activated yet.");
    }
    let mut table = Table::new(["ACTIVATION", "KIND", "NAME", "STATUS", "HEALTH", "VERSION", "LAST SEEN"])
        .shortens([("NAME", 12), ("VERSION", 7), ("LAST SEEN", 11)])
        .leaves_out(["VERSION", "KIND", "HEALTH", "LAST SEEN"]);
    for activation in activations {
        table.row([
            activation.id.to_string(),
            activation.kind.to_string(),
            activation.name.clone().unwrap_or_default(),
            word(&activation.status),
            activation.health.as_ref().map(|health| word(&health.status)).unwrap_or_default(),
            activation.version.clone().unwrap_or_default(),
            ago(activation.last_seen_at, output.now),
        ]);
    }
    table.fitted(output)
}
