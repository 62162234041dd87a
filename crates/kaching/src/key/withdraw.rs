use clap::Args;
use kaching_api::WithdrawnKey;
use serde_json::json;

use crate::{failure::Failure, output::Output, remote::Client};

/// Withdraw a signing key that may have leaked: clients stop trusting it
///
/// The root signs the keyset without it in the same step. Where it is the only key of its purpose and algorithm, another is
/// made. Nothing that runs stops: each installation has a lease of another key with its next heartbeat.
#[derive(Args)]
pub(crate) struct WithdrawKey {
    /// The key's kid, as `kaching key list` shows it
    #[arg(value_name = "KID")]
    kid: String,
}

impl WithdrawKey {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = client.post(super::path().then(&self.kid).then("withdraw"), &json!({})).await?;
        output.answer(&answer, |WithdrawnKey { kid, successor }: WithdrawnKey| {
            let next = match successor {
                Some(successor) => format!("{successor} was made, and signs from now on."),
                None => "The other keys sign on; `kaching key list` shows them.".to_owned(),
            };
            format!("Withdrew {kid}: the newest keyset no longer lists it. {next}")
        })
    }
}
