use clap::{Arg, Args};
use kaching_api::{Activation, ReleaseRequest};

use crate::{
    failure::Failure,
    noun::Noun,
    output::Output,
    remote::Client,
    several::{Change, Changed, Selection},
};

/// Free the slots of activations; the installations stop
#[derive(Args)]
#[command(mut_arg("ids", activations))]
pub(crate) struct ReleaseActivation {
    #[command(flatten)]
    which: Selection,
    /// The reason, for the audit log
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

fn activations(ids: Arg) -> Arg {
    ids.value_name("ACTIVATION")
}

impl ReleaseActivation {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        self.which.change(&ReleaseRequest { reason: self.reason }, client, output).await
    }
}

impl Change for ReleaseRequest {
    const NOUN: &'static str = "activation";
    const VERB: &'static str = "release";
    const DONE: &'static str = "released";

    async fn change(&self, activation: &str, client: &mut Client, _: &Output) -> Result<Changed, Failure> {
        let answer = client.post(Activation::path(activation).then("release"), self).await?;
        let Activation { id, .. } = answer.read()?;
        let alone = format!("Released {id}: its slot is free, and it stops at its next contact.");
        Ok(Changed { answer, alone, line: format!("Released {id}.") })
    }
}
