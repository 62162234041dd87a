use clap::Args;
use kaching_api::{Activation, ReleaseRequest};

use crate::{failure::Failure, noun::Noun, output::Output, remote::Client};

/// Free the slot of an activation; the installation stops
#[derive(Args)]
pub(crate) struct ReleaseActivation {
    /// The activation's id
    activation: String,
    /// The reason, for the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl ReleaseActivation {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path = Activation::path(&self.activation).then("release");
        let answer = client.post(path, &ReleaseRequest { reason: self.reason }).await?;
        output.answer(&answer, |activation: Activation| {
            format!("Released {}: its slot is free, and it stops at its next contact.", activation.id)
        })
    }
}
