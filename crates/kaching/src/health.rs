use std::time::Duration;

use clap::Args;
use serde::Deserialize;
use tokio::time::timeout;

use crate::{
    failure::Failure,
    output::Output,
    remote::{AuthorityTarget, Path},
};

/// A server answers within two seconds, even if its database does not. A container platform that waits longer than this
/// gets a sentence in place of a timeout.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether the authority is ready for products: its database, clock and keys are usable
#[derive(Args)]
#[command(
    after_help = "It needs no token, not even with --server. The exit code is 0 if the authority is ready, 1 if it is \
not (the error says why), and 3 if no server was reached."
)]
pub(crate) struct Health {}

/// The answer of a server that is ready.
#[derive(Deserialize)]
struct Ready {
    version: String,
}

impl Health {
    pub(crate) async fn run(self, target: &AuthorityTarget, output: &Output) -> Result<(), Failure> {
        let asked = async {
            let mut client = target.connect_to_server().await?;
            client.get(Path::at("/ready")).await
        };
        let answer = timeout(PATIENCE, asked).await.map_err(|_| {
            Failure::unreached(format!("The authority did not answer in {} seconds.", PATIENCE.as_secs()))
        })??;
        output.answer(&answer, |ready: Ready| format!("The authority is ready: version {}.", ready.version))
    }
}
