use clap::Subcommand;
use kaching_api::Plan;

use crate::{
    failure::Failure,
    flags::CsvRow,
    noun::{Archive, List, Listed, Noun, OfProduct, Show},
    output::{Card, Output, Table, limits, policy, price},
    remote::Client,
    words::ago,
};

mod apply;
mod create;
mod edit;

/// Tiers of a product
#[derive(Subcommand)]
pub(crate) enum PlanCommand {
    Create(create::CreatePlan),
    /// List plans
    List(List<Plan>),
    /// Show a plan
    Show(Show<Plan>),
    Edit(edit::EditPlan),
    Apply(apply::ApplyPlan),
    /// Archive a plan: it is no longer offered, its licenses stay valid
    Archive(Archive<Plan>),
}

impl PlanCommand {
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

impl Noun for Plan {
    const PLURAL: &'static str = "plans";
    const ARGUMENT: &'static str = "PRODUCT:PLAN";
    const ARGUMENT_HELP: &'static str = "Product and code, as in chorus:team";

    fn card(&self, output: &Output) -> String {
        let card = Card::new(format!("Plan {}:{}", self.product, self.code))
            .line("Name", &self.name)
            .line("Rank", self.rank.to_string())
            .line("Sold as", self.kind.as_str())
            .line("Term", term(self))
            .maybe("Price", self.price.as_ref().map(price))
            .list("Features", &self.features)
            .line("Limits", limits(&self.limits));
        policy(card, &self.lease_policy, self.kind)
            .line("Created", ago(self.created_at, output.now))
            .maybe("Archived", self.archived_at.map(|at| ago(at, output.now)))
            .text(output.style)
    }
}

impl CsvRow for Plan {
    const COLUMNS: &'static str = "id product code name rank type term price.currency price.amount price.interval features \
         limits created_at updated_at archived_at";
}

impl Listed for Plan {
    type Filter = OfProduct;
    const SEARCH_HELP: &'static str =
        "Only those with all these words, or words that begin with them, in code or name";

    fn table(rows: &[Self], output: &Output) -> String {
        let mut table = Table::new(["PLAN", "NAME", "RANK", "TERM", "LIMITS", "FEATURES", "PRICE"])
            .shortens([("NAME", 10), ("LIMITS", 12), ("FEATURES", 10)])
            .leaves_out(["FEATURES", "LIMITS", "RANK", "PRICE", "TERM"]);
        for plan in rows {
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
        table.fitted(output)
    }
}

fn term(plan: &Plan) -> String {
    plan.term.map_or_else(|| "perpetual".to_owned(), kaching_base::Term::in_words)
}
