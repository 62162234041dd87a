use clap::Args;
use http::Method;
use kaching_api::{License, RenewRequest};
use kaching_base::{EndDate, Term};

use super::{Which, ends};
use crate::{
    failure::Failure,
    flags::days,
    output::{Output, changes},
    remote::{Call, Client},
};

/// Lengthen a license: from its end date if that lies ahead, else from now
///
/// It gets the terms that its plan has now; what that changes is named.
#[derive(Args)]
pub(crate) struct Renew {
    #[command(flatten)]
    which: Which,
    /// By how much: 1y, 6m or 30d; the plan's term unless said otherwise
    #[arg(long, conflicts_with_all = ["days", "expires"])]
    term: Option<Term>,
    /// By how many days
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = days, conflicts_with = "expires")]
    days: Option<i64>,
    /// The new end: 2027-12-31 (with that day, UTC) or an instant, not before the present one; `license edit --expires`
    /// ends a license earlier
    #[arg(long, value_name = "DATE")]
    expires: Option<EndDate>,
    /// Also where the plan's terms are below present use
    #[arg(long)]
    force: bool,
}

impl Renew {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path = self.which.path(client).await?;
        // Of two who renew at the same moment, the second is told what the first has done.
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
