use clap::Args;
use kaching_api::{Activation, MoveRequest};
use kaching_base::FingerprintKind;

use crate::{failure::Failure, flags::words, noun::Noun, output::Output, remote::Client};

/// Move the slot of an activation to another installation
#[derive(Args)]
pub(crate) struct MoveActivation {
    /// The activation's id
    activation: String,
    /// The installation that takes the slot
    #[arg(long)]
    fingerprint: String,
    /// The kind of its fingerprint; unchanged unless set
    #[arg(long, value_parser = words!(FingerprintKind))]
    kind: Option<FingerprintKind>,
    /// A name for people
    #[arg(long)]
    name: Option<String>,
}

impl MoveActivation {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let body = MoveRequest { fingerprint: self.fingerprint, kind: self.kind, name: self.name };
        let answer = client.post(Activation::path(&self.activation).then("move"), &body).await?;
        output.answer(&answer, |activation: Activation| activation.card(output))
    }
}
