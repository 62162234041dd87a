use clap::Args;
use http::Method;
use kaching_api::{License, RenewRequest};
use kaching_base::{EndDate, Term};

use super::{LicenseArgument, ends};
use crate::{
    failure::Failure,
    flags::days,
    output::{Output, changes},
    remote::{Call, Client},
};

/// Extend a license: from its end date if that is in the future, else from now
///
/// It gets the present terms of its plan; the output lists the changes.
#[derive(Args)]
pub(crate) struct RenewLicense {
    #[command(flatten)]
    which: LicenseArgument,
    /// The extension: 1y, 6m or 30d; the plan's term unless set
    #[arg(long, conflicts_with_all = ["days", "expires"])]
    term: Option<Term>,
    /// The extension in days
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = days, conflicts_with = "expires")]
    days: Option<i64>,
    /// The new end: 2027-12-31 (with that day, UTC) or an instant, not before the present one; `license edit --expires`
    /// ends a license earlier
    #[arg(long, value_name = "DATE")]
    expires: Option<EndDate>,
    /// Also if the plan's terms are below present use
    #[arg(long)]
    force: bool,
}

impl RenewLicense {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path = self.which.path(client).await?;
        // If two operators renew concurrently, the second one is refused, with the state after the first.
        let read = client.get(path.clone()).await?;
        let before: License = read.read()?;
        let body =
            RenewRequest { term: self.term, days: self.days, expires_at: self.expires, force: self.force };
        let call = Call::new(Method::POST, path.then("renew")).body(&body)?.if_unchanged_since(&read);
        let answer = client.send(call).await?;
        output.answer(&answer, |license: License| {
            format!(
                "Renewed {}: it ends {}. Its end was {}.\n{}",
                license.id,
                ends(&license, output),
                ends(&before, output),
                changes(license.changed.as_ref())
            )
        })
    }
}
