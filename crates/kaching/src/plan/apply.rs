use clap::Args;
use kaching_api::{Apply as To, ApplyAnswer, ApplyRequest, Plan};
use kaching_base::LicenseId;

use crate::{
    failure::Failure,
    noun::Noun,
    output::{Output, changes},
    remote::Client,
    words::plural,
};

/// Give the present terms of a plan to its licenses
#[derive(Args)]
pub(crate) struct ApplyPlan {
    /// Product and code, as in chorus:team
    #[arg(value_name = "PRODUCT:PLAN")]
    plan: String,
    /// `all` licenses now, `renewing`: each at its next renewal, or these licenses
    #[arg(long, value_name = "all|renewing|LICENSE", required = true, num_args = 1..)]
    to: Vec<String>,
    /// Also licenses whose present use exceeds the terms
    #[arg(long)]
    force: bool,
}

impl ApplyPlan {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let to = match self.to.as_slice() {
            [word] if word == "all" || word == "renewing" => To::Word(word.clone()),
            ids => To::Licenses(ids.iter().map(|id| id.parse::<LicenseId>()).collect::<Result<_, _>>()?),
        };
        let renewing = to == To::Word("renewing".to_owned());
        let answer = client
            .post(Plan::path(&self.plan).then("apply"), &ApplyRequest { to, force: self.force })
            .await?;
        output.answer(&answer, |applied: ApplyAnswer| {
            let count = plural(i64::try_from(applied.licenses).unwrap_or(i64::MAX), "license");
            let when = if renewing { "At their next renewal" } else { "Now" };
            let what = applied.changes.iter().map(|change| {
                let count = plural(i64::try_from(change.licenses).unwrap_or(i64::MAX), "license");
                format!("For {count}:\n{}", changes(Some(&change.terms)))
            });
            let what: String = what.collect();
            format!("{when} the terms of {} as they are now apply to {count}.\n{what}", self.plan)
        })
    }
}
