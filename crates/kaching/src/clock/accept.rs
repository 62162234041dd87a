use clap::Args;
use kaching_api::AcceptedClock;
use serde_json::json;

use crate::{
    failure::Failure,
    output::Output,
    remote::{Client, Path},
};

/// Go on from the present time, after the clock has jumped or once ran ahead
///
/// First see that the clock of the authority's machine is right, for what is signed from then on is dated by it. Where later
/// times were stored, a new epoch begins, which needs the root key. Products go on without a stop.
#[derive(Args)]
pub(crate) struct AcceptClock {}

impl AcceptClock {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = client.post(Path::admin("clock").then("accept"), &json!({})).await?;
        output.answer(&answer, |AcceptedClock { now, newest, epoch }: AcceptedClock| match epoch {
            Some(epoch) => format!(
                "The authority continues from {now}, in the new epoch {epoch}; times up to {newest} had been stored."
            ),
            None => format!("The authority continues from {now}; the newest time that was stored is {newest}."),
        })
    }
}
