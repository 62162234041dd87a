use clap::Args;
use kaching_api::{Plan, PlanEdit};
use kaching_base::{LicenseType, Price, Term};

use crate::{
    failure::Failure,
    flags::{Clearable, LimitEdits, PolicyEdits, changes_something, clearable, days, words},
    noun::Noun,
    output::Output,
    remote::Client,
};

/// Change a plan for new licenses; `plan apply` changes existing ones
#[derive(Args)]
pub(crate) struct EditPlan {
    /// Product and code, as in chorus:team
    #[arg(value_name = "PRODUCT:PLAN")]
    plan: String,
    /// A name for people
    #[arg(long)]
    name: Option<String>,
    /// Its rank among the product's plans: a higher number is a higher plan
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    rank: Option<i64>,
    #[command(flatten)]
    terms: LimitEdits,
    /// The type of its licenses
    #[arg(long = "type", value_name = "TYPE", value_parser = words!(LicenseType))]
    kind: Option<LicenseType>,
    /// How long its licenses last: 1y, 6m or 30d; `none` is perpetual
    #[arg(long, value_name = "TERM|none", value_parser = clearable("none", str::parse::<Term>), conflicts_with = "days")]
    term: Option<Clearable<Term>>,
    /// The same in days
    #[arg(long, value_name = "N|none", allow_negative_numbers = true, value_parser = clearable("none", days))]
    days: Option<Clearable<i64>>,
    /// The price, as in create; `none` shows no price
    #[arg(long, value_name = "PRICE|none", value_parser = clearable("none", str::parse::<Price>))]
    price: Option<Clearable<Price>>,
    #[command(flatten)]
    policy: PolicyEdits,
}

impl EditPlan {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path = Plan::path(&self.plan);
        let edit = PlanEdit {
            name: self.name,
            rank: self.rank,
            kind: self.kind,
            features: self.terms.features(),
            limits: self.terms.limits(),
            term: self.term.map(|Clearable(term)| term),
            term_days: self.days.map(|Clearable(days)| days),
            lease_policy: self.policy.edit(),
            price: self.price.map(|Clearable(price)| price),
        };
        changes_something(&edit)?;
        let answer = client.patch(path, &edit).await?;
        output.answer(&answer, |plan: Plan| plan.card(output))
    }
}
