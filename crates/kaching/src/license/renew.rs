use clap::Args;
use http::Method;
use kaching_api::{License, RenewRequest};
use kaching_base::{EndDate, Term};

use super::{ends, licenses, path_of};
use crate::{
    failure::Failure,
    flags::days,
    output::{Output, changes},
    remote::{Call, Client},
    several::{Change, Changed, Selection},
};

/// Extend licenses: from their end dates if these are in the future, else from now
///
/// They get the present terms of their plans. For one license, the output lists the changes.
#[derive(Args)]
#[command(mut_arg("ids", licenses))]
pub(crate) struct RenewLicense {
    #[command(flatten)]
    which: Selection,
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
        let request =
            RenewRequest { term: self.term, days: self.days, expires_at: self.expires, force: self.force };
        self.which.change(&request, client, output).await
    }
}

impl Change for RenewRequest {
    const NOUN: &'static str = "license";
    const VERB: &'static str = "renew";
    const DONE: &'static str = "renewed";

    async fn change(&self, license: &str, client: &mut Client, output: &Output) -> Result<Changed, Failure> {
        let path = path_of(license, client).await?;
        // If two operators renew concurrently, the second one is refused, with the state after the first.
        let read = client.get(path.clone()).await?;
        let before: License = read.read()?;
        let call = Call::new(Method::POST, path.then("renew")).body(self)?.if_unchanged_since(&read);
        let answer = client.send(call).await?;
        let after: License = answer.read()?;
        let line = format!(
            "Renewed {}: it ends {}. Its end was {}.",
            after.id,
            ends(&after, output),
            ends(&before, output)
        );
        Ok(Changed { answer, alone: format!("{line}\n{}", changes(after.changed.as_ref())), line })
    }
}
