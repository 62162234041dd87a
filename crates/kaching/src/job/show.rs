use clap::Args;

use crate::{failure::Failure, output::Output, remote::Client};

/// Show a job, and why its last attempt failed
#[derive(Args)]
pub(crate) struct JobShow {
    /// The job's id
    #[arg(value_name = "JOB")]
    id: String,
}

impl JobShow {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = client.get(super::path(&self.id)).await?;
        output.answer(&answer, |job| super::card(&job, output))
    }
}
