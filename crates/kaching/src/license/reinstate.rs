use clap::Args;
use kaching_api::License;

use super::{licenses, path_of};
use crate::{
    failure::Failure,
    output::{Output, word},
    remote::Client,
    several::{Change, Changed, Selection},
};

/// Let suspended licenses run again
#[derive(Args)]
#[command(mut_arg("ids", licenses))]
pub(crate) struct ReinstateLicense {
    #[command(flatten)]
    which: Selection,
}

struct Reinstatement;

impl ReinstateLicense {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        self.which.change(&Reinstatement, client, output).await
    }
}

impl Change for Reinstatement {
    const NOUN: &'static str = "license";
    const VERB: &'static str = "reinstate";
    const DONE: &'static str = "reinstated";

    async fn change(&self, license: &str, client: &mut Client, _: &Output) -> Result<Changed, Failure> {
        let path = path_of(license, client).await?.then("reinstate");
        let answer = client.post(path, &serde_json::json!({})).await?;
        let License { id, state, .. } = answer.read()?;
        let state = word(&state);
        let alone =
            format!("Reinstated {id}, which is {state}: stopped installations ask again within a minute.");
        Ok(Changed { answer, alone, line: format!("Reinstated {id}, which is {state}.") })
    }
}
