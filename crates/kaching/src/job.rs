use clap::Subcommand;
use kaching_api::Job;

use crate::{
    failure::Failure,
    output::{Card, Output, Table, ago, word},
    remote::{Client, Path},
};

mod list;
mod retry;
mod show;

/// Work that the authority does outside the requests that asked for it
#[derive(Subcommand)]
pub(crate) enum JobCommand {
    List(list::JobList),
    Show(show::JobShow),
    Retry(retry::JobRetry),
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

fn path(id: &str) -> Path {
    Path::admin("jobs").then(id)
}

fn card(job: &Job, output: &Output) -> String {
    Card::new(format!("Job {}", job.id))
        .line("Kind", &job.kind)
        .line("State", word(&job.state))
        .line("Attempts", job.attempts.to_string())
        .maybe("Last error", job.last_error.clone())
        .line("Enqueued", ago(job.created_at, output.now))
        .maybe("Due", job.due_at.map(|at| ago(at, output.now)))
        .maybe("Ended", job.finished_at.map(|at| ago(at, output.now)))
        .text(output.style)
}

fn table(jobs: &[Job], output: &Output) -> String {
    let mut table = Table::new(["ID", "KIND", "STATE", "ATTEMPTS", "ENQUEUED", "LAST ERROR"]);
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
    table.text(output.style)
}
