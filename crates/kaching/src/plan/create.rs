use clap::Args;
use kaching_api::{Plan, PlanCreate};
use kaching_base::{Code, LicenseType, Price, Term};

use crate::{
    failure::Failure,
    flags::{PolicyArguments, TermsArguments, days, words},
    noun::Noun,
    output::Output,
    remote::{Client, Path},
};

/// Create a plan of a product
#[derive(Args)]
pub(crate) struct CreatePlan {
    /// The product
    #[arg(long)]
    product: Code,
    /// Its short name within the product, which never changes
    #[arg(long)]
    code: Code,
    /// A name for people
    #[arg(long)]
    name: String,
    /// Its rank among the product's plans: a higher number is a higher plan
    #[arg(long, value_name = "N", default_value_t = 0, allow_negative_numbers = true)]
    rank: i64,
    #[command(flatten)]
    terms: TermsArguments,
    /// The type of its licenses: perpetual without a term, else standard
    #[arg(long = "type", value_name = "TYPE", value_parser = words!(LicenseType))]
    kind: Option<LicenseType>,
    /// How long its licenses last: 1y, 6m or 30d; without this they are perpetual
    #[arg(long, conflicts_with = "days")]
    term: Option<Term>,
    /// The same in days
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = days)]
    days: Option<i64>,
    /// The price in the smallest unit: EUR:490000/year, /month or /once
    #[arg(long, value_name = "CUR:AMOUNT/INTERVAL")]
    price: Option<Price>,
    #[command(flatten)]
    policy: PolicyArguments,
}

impl CreatePlan {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let body = PlanCreate {
            features: self.terms.features(),
            limits: self.terms.limits(),
            lease_policy: self.policy.edit(),
            product: self.product,
            code: self.code,
            name: self.name,
            rank: self.rank,
            kind: self.kind,
            term: self.term,
            term_days: self.days,
            price: self.price,
        };
        let answer = client.post(Path::admin("plans"), &body).await?;
        output.answer(&answer, |plan: Plan| {
            let next = format!(
                "Next: kaching license create --customer … --product {} --plan {}",
                plan.product, plan.code
            );
            format!("{}\n{}", plan.card(output), output.style.dim(&next))
        })
    }
}
