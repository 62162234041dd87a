use clap::Subcommand;
use kaching_api::Plan;

use crate::{
    failure::Failure,
    output::{Card, Output, Table, ago, limits, policy, price},
    remote::{Client, Path},
};

mod apply;
mod archive;
mod create;
mod edit;
mod list;
mod show;

/// Tiers of a product
#[derive(Subcommand)]
pub(crate) enum Command {
    Create(create::Create),
    List(list::List),
    Show(show::Show),
    Edit(edit::Edit),
    Apply(apply::Apply),
    Archive(archive::Archive),
}

impl Command {
    pub(crate) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        match self {
            Self::Create(verb) => verb.run(client, output).await,
            Self::List(verb) => verb.run(client, output).await,
            Self::Show(verb) => verb.run(client, output).await,
            Self::Edit(verb) => verb.run(client, output).await,
            Self::Apply(verb) => verb.run(client, output).await,
            Self::Archive(verb) => verb.run(client, output).await,
        }
    }
}

fn path(plan: &str) -> Path {
    Path::admin("plans").then(plan)
}

fn card(plan: &Plan, output: &Output) -> String {
    let card = Card::new(format!("Plan {}:{}", plan.product, plan.code))
        .line("Name", &plan.name)
        .line("Rank", plan.rank.to_string())
        .line("Sold as", plan.kind.as_str())
        .line("Term", term(plan))
        .maybe("Price", plan.price.as_ref().map(price))
        .list("Features", &plan.features)
        .line("Limits", limits(&plan.limits));
    policy(card, &plan.lease_policy, plan.kind)
        .line("Made", ago(plan.created_at, output.now))
        .maybe("Archived", plan.archived_at.map(|at| ago(at, output.now)))
        .text(output.style)
}

fn table(plans: &[Plan], output: &Output) -> String {
    let mut table = Table::new(["PLAN", "NAME", "RANK", "TERM", "LIMITS", "FEATURES", "PRICE"]);
    for plan in plans {
        table.row([
            format!("{}:{}", plan.product, plan.code),
            plan.name.clone(),
            plan.rank.to_string(),
            term(plan),
            limits(&plan.limits),
            plan.features.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            plan.price.as_ref().map(price).unwrap_or_default(),
        ]);
    }
    table.text(output.style)
}

fn term(plan: &Plan) -> String {
    plan.term.map_or_else(|| "perpetual".to_owned(), kaching_base::Term::in_words)
}
