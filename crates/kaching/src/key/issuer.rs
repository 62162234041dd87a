use clap::Args;
use kaching_api::{ChangedIssuer, IssuerChange};

use crate::{failure::Failure, output::Output, remote::Client};

/// Change the public URL that the authority speaks for, and make the keys that sign in its name
///
/// All products and servers are concerned: clients that are running fetch the new keyset with their next heartbeat. Then set
/// server.public_url to it on every server, which does not start with another one.
#[derive(Args)]
pub(crate) struct ChangeIssuer {
    /// The public URL at which products reach it, with https unless it is of this machine
    #[arg(value_name = "URL")]
    issuer: String,
}

impl ChangeIssuer {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let body = IssuerChange { issuer: self.issuer };
        let answer = client.post(super::path().then("issuer"), &body).await?;
        output.answer(&answer, |ChangedIssuer { issuer, before, keys }: ChangedIssuer| {
            format!(
                "The authority speaks for {issuer}, no longer for {before}; what it signs from now on is signed by {}.\n\
                 Set server.public_url to it on every server: they do not start with another one.",
                keys.join(" and ")
            )
        })
    }
}
