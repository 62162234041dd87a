use clap::Args;
use kaching_api::Job;
use serde_json::json;

use crate::{failure::Failure, noun::Noun as _, output::Output, remote::Client};

/// Try a job again that failed
///
/// A job that fails is tried again after a time that doubles, up to an hour. After 20 attempts it is dead: it is kept for
/// 90 days, and only this command has it tried again, with 20 attempts more.
#[derive(Args)]
pub(crate) struct RetryJob {
    /// The job's id
    #[arg(value_name = "JOB")]
    id: String,
}

impl RetryJob {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let answer = client.post(Job::path(&self.id).then("retry"), &json!({})).await?;
        output.answer(&answer, |job: Job| format!("{} is queued, and begins within seconds.", job.id))
    }
}
