use clap::Args;
use kaching_api::{Binding, LicenseEdit, ListEdit};
use kaching_base::{EndDate, LicenseType, Timestamp};

use super::{LicenseArgument, card::show};
use crate::{
    failure::Failure,
    flags::{Clearable, LabelEdits, LimitEdits, PolicyEdits, binding, changes_something, clearable, words},
    output::{Output, changes},
    remote::Client,
};

/// Change a license; a running installation gets the change immediately
#[derive(Args)]
pub(crate) struct EditLicense {
    #[command(flatten)]
    which: LicenseArgument,
    /// Its type
    #[arg(long = "type", value_name = "TYPE", value_parser = words!(LicenseType))]
    kind: Option<LicenseType>,
    /// When it starts
    #[arg(long, value_name = "DATE")]
    starts: Option<Timestamp>,
    /// When it ends: 2027-12-31 (with that day, UTC) or an instant; `never` is perpetual
    #[arg(long, value_name = "DATE|never", value_parser = clearable("never", str::parse::<EndDate>))]
    expires: Option<Clearable<EndDate>>,
    #[command(flatten)]
    terms: LimitEdits,
    /// A binding to add, as in create
    #[arg(long, value_name = "KIND=VALUE", value_parser = binding)]
    bind: Vec<Binding>,
    /// A binding to remove
    #[arg(long, value_name = "KIND=VALUE", value_parser = binding, alias = "without-bind")]
    unbind: Vec<Binding>,
    #[command(flatten)]
    labels: LabelEdits,
    /// Also below present use
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    policy: PolicyEdits,
}

impl EditLicense {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let edit = LicenseEdit {
            kind: self.kind,
            starts_at: self.starts,
            expires_at: self.expires.as_ref().map(|Clearable(at)| *at),
            features: self.terms.features(),
            limits: self.terms.limits(),
            lease_policy: self.policy.edit(),
            bindings: ListEdit::change(self.bind, self.unbind),
            tags: self.labels.tags(),
            metadata: self.labels.metadata(),
            notes: self.labels.notes,
            force: self.force,
        };
        changes_something(&edit)?;
        let path = self.which.path(client).await?;
        let answer = client.patch(path, &edit).await?;
        show(&answer, client, output, |license| changes(license.changed.as_ref())).await
    }
}
