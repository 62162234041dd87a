use clap::Args;
use kaching_api::{License, RenewRequest};
use kaching_base::Timestamp;

use super::{Which, ends};
use crate::{failure::Failure, flags::days, output::Output, remote::Client};

/// Lengthen a license: from its end date if that lies ahead, else from now
#[derive(Args)]
pub(crate) struct Renew {
    #[command(flatten)]
    which: Which,
    /// By how much; the plan's term unless said otherwise
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = days, conflicts_with = "expires")]
    days: Option<i64>,
    /// The new end date
    #[arg(long, value_name = "DATE")]
    expires: Option<Timestamp>,
}

impl Renew {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let body = RenewRequest { days: self.days, expires_at: self.expires };
        let answer = client.post(self.which.path()?.then("renew"), &body).await?;
        output.answer(&answer, |license: License| {
            format!("Renewed {}: it ends {}.", license.id, ends(&license, output))
        })
    }
}
