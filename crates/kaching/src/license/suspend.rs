use clap::Args;
use kaching_api::{License, SuspendRequest};

use super::{licenses, path_of};
use crate::{
    failure::Failure,
    output::Output,
    remote::Client,
    several::{Change, Changed, Selection},
};

/// Stop licenses until they are reinstated; a connected installation stops immediately
#[derive(Args)]
#[command(mut_arg("ids", licenses))]
pub(crate) struct SuspendLicense {
    #[command(flatten)]
    which: Selection,
    /// The reason, which the customer sees
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

impl SuspendLicense {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        self.which.change(&SuspendRequest { reason: self.reason }, client, output).await
    }
}

impl Change for SuspendRequest {
    const NOUN: &'static str = "license";
    const VERB: &'static str = "suspend";
    const DONE: &'static str = "suspended";

    async fn change(&self, license: &str, client: &mut Client, output: &Output) -> Result<Changed, Failure> {
        let path = path_of(license, client).await?.then("suspend");
        let answer = client.post(path, self).await?;
        let License { id, .. } = answer.read()?;
        let alone = format!(
            "Suspended {id}: connected installations stop within a second or so, others at their next contact.\n{}",
            output.style.dim(&format!("To undo: kaching license reinstate {id}"))
        );
        Ok(Changed { answer, alone, line: format!("Suspended {id}.") })
    }
}
