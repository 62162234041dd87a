use kaching_api::{Activation, License};

use crate::output::{Card, Output, Table, ago, day, limits, pairs, policy, word};

/// Everything about a license that a person asks for.
pub(super) fn card(license: &License, output: &Output) -> String {
    let bindings = license.bindings.iter().map(|bound| format!("{}={}", bound.kind, bound.value));
    let card = Card::new(format!("License {}", license.id))
        .maybe("Key", license.key.as_ref().map(|key| key.expose()))
        .line("State", word(&license.state))
        .line("Customer", license.customer.to_string())
        .line("Plan", format!("{}:{}", license.product, license.plan))
        .line("Type", license.kind.as_str())
        .line(
            "Starts",
            license
                .starts_at
                .map_or_else(|| "with the first activation".to_owned(), |at| day(at, output.now)),
        )
        .line("Ends", super::ends(license, output))
        .list("Features", &license.features)
        .line("Limits", limits(&license.limits))
        .list("Bound to", bindings);
    policy(card, &license.lease_policy, license.kind)
        .list("Tags", &license.tags)
        .line("Notes", &license.notes)
        .line("Metadata", pairs(&license.metadata))
        .line("Revision", license.revision.to_string())
        .line("Made", ago(license.created_at, output.now))
        .maybe("Deleted", license.archived_at.map(|at| ago(at, output.now)))
        .text(output.style)
}

/// Who uses it.
pub(super) fn activations(activations: &[Activation], output: &Output) -> String {
    if activations.is_empty() {
        return output.style.dim("Not activated yet.");
    }
    let mut table = Table::new(["ACTIVATION", "KIND", "NAME", "STATUS", "VERSION", "LAST SEEN"]);
    for activation in activations {
        table.row([
            activation.id.to_string(),
            activation.kind.to_string(),
            activation.name.clone().unwrap_or_default(),
            word(&activation.status),
            activation.version.clone().unwrap_or_default(),
            ago(activation.last_seen_at, output.now),
        ]);
    }
    table.text(output.style)
}
