use clap::Args;
use kaching_base::{EndDate, Timestamp};

use crate::{
    failure::Failure,
    flags::PageArguments,
    license,
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
    /// Only those of this moment and later, as in 2027-01-31 (from midnight UTC) or 2027-01-31T12:00:00Z
    #[arg(long, value_name = "DATE")]
    since: Option<Timestamp>,
    /// Only those before this moment; a bare day is included
    #[arg(long, value_name = "DATE")]
    until: Option<EndDate>,
    /// Only those of this actor: operator, token, client, system or local, or one of them with its id, as in local:0 or token:tok_…
    #[arg(long)]
    actor: Option<String>,
    /// Only those on this license and on its activations: its id or key; - reads it from standard input
    #[arg(long)]
    license: Option<String>,
    /// Only those on this customer, on its licenses and on their activations: id or reference
    #[arg(long)]
    customer: Option<String>,
    #[command(flatten)]
    part: PageArguments,
}

impl ListAudit {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let license = match &self.license {
            Some(license) => Some(license::id(license, client).await?),
            None => None,
        };
        let path = Path::admin("audit")
            .maybe("target", self.target.as_ref())
            .maybe("action", self.action.as_ref())
            .maybe("since", self.since.as_ref())
            .maybe("until", self.until.map(|end| end.0).as_ref())
            .maybe("actor", self.actor.as_ref())
            .maybe("license", license.as_ref())
            .maybe("customer", self.customer.as_ref());
        self.part.run(client, output, path, |entries: Vec<_>| super::table(&entries, output)).await
    }
}
