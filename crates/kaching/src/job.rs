use clap::Subcommand;
use kaching_api::Job;

use crate::{
    failure::Failure,
    flags::CsvRow,
    noun::{Noun, Show},
    output::{Card, Output, Table, word},
    remote::Client,
    words::ago,
};

mod list;
mod retry;

/// Work that the authority does outside the requests that asked for it
#[derive(Subcommand)]
pub(crate) enum JobCommand {
    List(list::ListJobs),
    /// Show a job, and why its last attempt failed
    Show(Show<Job>),
    Retry(retry::RetryJob),
}

impl JobCommand {
    pub(crate) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        match self {
            Self::List(verb) => verb.run(client, output).await,
            Self::Show(verb) => verb.run(client, output).await,
            Self::Retry(verb) => verb.run(client, output).await,
        }
    }
}

impl Noun for Job {
    const PLURAL: &'static str = "jobs";
    const ARGUMENT: &'static str = "JOB";
    const ARGUMENT_HELP: &'static str = "The job's id";

    fn card(&self, output: &Output) -> String {
        Card::new(format!("Job {}", self.id))
            .line("Kind", &self.kind)
            .line("State", word(&self.state))
            .line("Attempts", self.attempts.to_string())
            .maybe("Last error", self.last_error.clone())
            .line("Enqueued", ago(self.created_at, output.now))
            .maybe("Due", self.due_at.map(|at| ago(at, output.now)))
            .maybe("Ended", self.finished_at.map(|at| ago(at, output.now)))
            .text(output.style)
    }
}

impl CsvRow for Job {
    const COLUMNS: &'static str = "id kind state priority attempts last_error created_at due_at finished_at";
}

fn table(jobs: &[Job], output: &Output) -> String {
    let mut table = Table::new(["ID", "KIND", "STATE", "ATTEMPTS", "ENQUEUED", "LAST ERROR"])
        .shortens([("ENQUEUED", 11), ("LAST ERROR", 16)])
        .leaves_out(["ATTEMPTS", "ENQUEUED", "LAST ERROR"]);
    for job in jobs {
        table.row([
            job.id.to_string(),
            job.kind.clone(),
            word(&job.state),
            job.attempts.to_string(),
            ago(job.created_at, output.now),
            job.last_error.clone().unwrap_or_default(),
        ]);
    }
    table.fitted(output)
}
