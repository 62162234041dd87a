use clap::Args;
use kaching_api::{Plan, PlanEdit};
use kaching_base::{LicenseType, ParseError, Price, Term};

use crate::{
    failure::Failure,
    flags::{LimitEdits, PolicyEdits, changes_something, days, words},
    output::Output,
    remote::Client,
};

/// Change a plan for the licenses made from now on; `plan apply` moves those that exist
#[derive(Args)]
pub(crate) struct Edit {
    /// Product and code, as in chorus:team
    #[arg(value_name = "PRODUCT:PLAN")]
    plan: String,
    /// What people call it
    #[arg(long)]
    name: Option<String>,
    /// Its place among the product's plans: more is higher
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    rank: Option<i64>,
    #[command(flatten)]
    terms: LimitEdits,
    /// What its licenses are sold as
    #[arg(long = "type", value_name = "TYPE", value_parser = words!(LicenseType))]
    kind: Option<LicenseType>,
    /// How long its licenses last: 1y, 6m or 30d; `none` is perpetual
    #[arg(long, value_name = "TERM|none", value_parser = length, conflicts_with = "days")]
    term: Option<Length>,
    /// The same in days
    #[arg(long, value_name = "N|none", allow_negative_numbers = true, value_parser = whole_days)]
    days: Option<Days>,
    /// What it costs, as in create; `none` is not told
    #[arg(long, value_name = "PRICE|none", value_parser = cost)]
    price: Option<Cost>,
    #[command(flatten)]
    policy: PolicyEdits,
}

#[derive(Clone)]
struct Length(Option<Term>);

#[derive(Clone)]
struct Days(Option<i64>);

#[derive(Clone)]
struct Cost(Option<Price>);

impl Edit {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path = super::path(&self.plan);
        let edit = PlanEdit {
            name: self.name,
            rank: self.rank,
            kind: self.kind,
            features: self.terms.features(),
            limits: self.terms.limits(),
            term: self.term.map(|Length(term)| term),
            term_days: self.days.map(|Days(days)| days),
            lease_policy: self.policy.edit(),
            price: self.price.map(|Cost(price)| price),
        };
        changes_something(&edit)?;
        let answer = client.patch(path, &edit).await?;
        output.answer(&answer, |plan: Plan| super::card(&plan, output))
    }
}

fn length(text: &str) -> Result<Length, ParseError> {
    if text == "none" { Ok(Length(None)) } else { text.parse().map(|term| Length(Some(term))) }
}

fn whole_days(text: &str) -> Result<Days, ParseError> {
    if text == "none" { Ok(Days(None)) } else { days(text).map(|days| Days(Some(days))) }
}

fn cost(text: &str) -> Result<Cost, ParseError> {
    if text == "none" { Ok(Cost(None)) } else { text.parse().map(|price| Cost(Some(price))) }
}
