use clap::Args;

use crate::{
    failure::Failure,
    flags::PageArguments,
    output::Output,
    remote::{Client, Path},
};

/// List audit entries, the newest first
#[derive(Args)]
pub(crate) struct ListAudit {
    /// Only those on this: an id, as in lic_…
    #[arg(long, value_name = "ID")]
    target: Option<String>,
    /// Only this action, as in license.suspend
    #[arg(long)]
    action: Option<String>,
    #[command(flatten)]
    part: PageArguments,
}

impl ListAudit {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path =
            Path::admin("audit").maybe("target", self.target.as_ref()).maybe("action", self.action.as_ref());
        self.part.run(client, output, path, |entries: Vec<_>| super::table(&entries, output)).await
    }
}
