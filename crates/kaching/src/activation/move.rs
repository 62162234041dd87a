use clap::Args;
use kaching_api::MoveRequest;
use kaching_base::FingerprintKind;

use crate::{failure::Failure, flags::words, output::Output, remote::Client};

/// Give the slot of an activation to another installation
#[derive(Args)]
pub(crate) struct Move {
    /// The activation's id
    activation: String,
    /// The installation that takes the slot
    #[arg(long)]
    fingerprint: String,
    /// What its fingerprint identifies; as now unless said otherwise
    #[arg(long, value_parser = words!(FingerprintKind))]
    kind: Option<FingerprintKind>,
    /// What people call it
    #[arg(long)]
    name: Option<String>,
}

impl Move {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let body = MoveRequest { fingerprint: self.fingerprint, kind: self.kind, name: self.name };
        let answer = client.post(super::path(&self.activation).then("move"), &body).await?;
        output.answer(&answer, |activation| super::card(&activation, output))
    }
}
