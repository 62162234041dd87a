use clap::{Args, ValueEnum};
use kaching_api::{At, License, UpgradeRequest};
use kaching_base::Code;

use super::{LicenseArgument, card::show};
use crate::{
    failure::Failure,
    output::{Output, changes},
    remote::Client,
    words::begins,
};

/// Give a license another plan of its product, up or down
#[derive(Args)]
pub(crate) struct UpgradeLicense {
    #[command(flatten)]
    which: LicenseArgument,
    /// The plan that gives its terms
    #[arg(long)]
    plan: Code,
    /// When it takes effect
    #[arg(long, value_enum, default_value_t = When::Now)]
    at: When,
    /// Also below present use
    #[arg(long)]
    force: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum When {
    /// With the next lease, no restart needed
    Now,
    /// At the end date
    #[value(name = "period_end", alias = "period-end")]
    PeriodEnd,
}

impl UpgradeLicense {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let at = match self.at {
            When::Now => At::Now,
            When::PeriodEnd => At::PeriodEnd,
        };
        let body = UpgradeRequest { plan: self.plan, at, force: self.force };
        let path = self.which.path(client).await?.then("upgrade");
        let answer = client.post(path, &body).await?;
        match (self.at, answer.read::<License>()?.expires_at) {
            (When::PeriodEnd, Some(end)) => output.answer(&answer, |license: License| {
                format!("{} changes to {} on {}.", license.id, body.plan, begins(end, output.now))
            }),
            _ => show(&answer, client, output, |license| changes(license.changed.as_ref())).await,
        }
    }
}
