use clap::Args;
use kaching_api::{Activation, ReleaseRequest};

use crate::{failure::Failure, output::Output, remote::Client};

/// Free the slot of an activation; the installation stops
#[derive(Args)]
pub(crate) struct Release {
    /// The activation's id
    activation: String,
    /// Why, for the record
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Release {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path = super::path(&self.activation).then("release");
        let answer = client.post(path, &ReleaseRequest { reason: self.reason }).await?;
        output.answer(&answer, |activation: Activation| {
            format!("Released {}: its slot is free, and it stops when it hears of it.", activation.id)
        })
    }
}
