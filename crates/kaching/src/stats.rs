use clap::Args;
use kaching_api::Stats as Numbers;

use crate::{
    failure::Failure,
    output::{Card, Output},
    remote::{Client, Path},
};

/// The number of licenses in each state
#[derive(Args)]
pub(crate) struct Stats {}

impl Stats {
    pub(crate) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = client.get(Path::admin("stats")).await?;
        output.answer(&answer, |numbers: Numbers| {
            Card::new("Licenses")
                .line("Total", numbers.total.to_string())
                .line("Active", numbers.active.to_string())
                .line("Ending within 30 days", numbers.expiring_soon.to_string())
                .line("Expired", numbers.expired.to_string())
                .line("Suspended", numbers.suspended.to_string())
                .line("Revoked", numbers.revoked.to_string())
                .line("Not started", numbers.not_started.to_string())
                .line("Installations active", numbers.activations.to_string())
                .text(output.style)
        })
    }
}
