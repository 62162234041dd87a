use clap::Args;

use crate::{
    failure::Failure,
    flags::PageArguments,
    output::Output,
    remote::{Client, Path},
};

/// List jobs, the newest first
#[derive(Args)]
pub(crate) struct ListJobs {
    /// Only those in this state
    #[arg(long, value_parser = ["queued", "running", "failing", "done", "dead"])]
    state: Option<String>,
    /// Only those of this kind, as in jobs.apply_plan
    #[arg(long)]
    kind: Option<String>,
    #[command(flatten)]
    part: PageArguments,
}

impl ListJobs {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path = Path::admin("jobs").maybe("state", self.state.as_ref()).maybe("kind", self.kind.as_ref());
        self.part.run(client, output, path, |jobs: Vec<_>| super::table(&jobs, output)).await
    }
}
