use clap::Args;
use kaching_api::License;

use super::LicenseArgument;
use crate::{
    failure::Failure,
    output::{Output, word},
    remote::Client,
};

/// Let a suspended license run again
#[derive(Args)]
pub(crate) struct ReinstateLicense {
    #[command(flatten)]
    which: LicenseArgument,
}

impl ReinstateLicense {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path = self.which.path(client).await?.then("reinstate");
        let answer = client.post(path, &serde_json::json!({})).await?;
        output.answer(&answer, |license: License| {
            let state = word(&license.state);
            format!(
                "Reinstated {}, which is {state}: stopped installations ask again within a minute.",
                license.id
            )
        })
    }
}
