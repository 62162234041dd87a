use clap::{Args, ValueEnum};
use kaching_api::{KeyFormat, LicenseBatchCreate, LicenseCreate, Start};
use kaching_base::{Code, EndDate, LicenseType, Term, Timestamp};

use super::{batch, card::show};
use crate::{
    failure::Failure,
    flags::{BindingArguments, LabelArguments, PolicyArguments, TermsArguments, days, words},
    output::Output,
    remote::{Client, Path},
};

/// Create a license and its key, or many with --count
#[derive(Args)]
pub(crate) struct CreateLicense {
    /// Create this number of licenses, up to 10000: all of them, or none. Prints their ids and keys as CSV; without
    /// --tag, all get a new tag, by which `license list` finds them
    #[arg(long, value_name = "N")]
    count: Option<u32>,
    /// The customer: id or reference
    #[arg(long)]
    customer: String,
    /// The product
    #[arg(long)]
    product: Code,
    /// The plan that gives its terms
    #[arg(long)]
    plan: Code,
    /// Its type; the plan's unless set
    #[arg(long = "type", value_name = "TYPE", value_parser = words!(LicenseType))]
    kind: Option<LicenseType>,
    /// How long it lasts, in place of the plan's term: 1y, 6m or 30d
    #[arg(long, conflicts_with_all = ["days", "expires"])]
    term: Option<Term>,
    /// How many days it lasts, in place of the plan's term
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = days, conflicts_with = "expires")]
    days: Option<i64>,
    /// When it ends: 2027-12-31 (with that day, UTC) or an instant
    #[arg(long, value_name = "DATE")]
    expires: Option<EndDate>,
    /// When it starts; now unless set
    #[arg(long, value_name = "DATE", conflicts_with = "start")]
    starts: Option<Timestamp>,
    /// The event that starts it
    #[arg(long, value_enum)]
    start: Option<Starter>,
    #[command(flatten)]
    terms: TermsArguments,
    #[command(flatten)]
    bindings: BindingArguments,
    /// The format of its key; the product's unless set
    #[arg(long, value_enum, value_name = "FORMAT")]
    key_format: Option<Format>,
    #[command(flatten)]
    labels: LabelArguments,
    #[command(flatten)]
    policy: PolicyArguments,
}

#[derive(Clone, Copy, ValueEnum)]
enum Starter {
    /// The first activation sets both dates
    FirstActivation,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// CHORUS-XXXXX-XXXXX-XXXXX-XXXXX-XXXXX
    Short,
}

impl CreateLicense {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let body = LicenseCreate {
            features: self.terms.features(),
            limits: self.terms.limits(),
            lease_policy: self.policy.edit(),
            bindings: self.bindings.bind,
            tags: self.labels.tags(),
            metadata: self.labels.metadata(),
            notes: self.labels.notes,
            customer: self.customer,
            product: self.product,
            plan: self.plan,
            kind: self.kind,
            term: self.term,
            days: self.days,
            expires_at: self.expires,
            starts_at: self.starts,
            start: self.start.map(|Starter::FirstActivation| Start::FirstActivation),
            key_format: self.key_format.map(|Format::Short| KeyFormat::Short),
        };
        if let Some(count) = self.count {
            return batch::create(LicenseBatchCreate { count, license: body }, client, output).await;
        }
        let answer = client.post(Path::admin("licenses"), &body).await?;
        // The key is last and on a line of its own, so that it is easy to find and to copy.
        show(&answer, client, output, |license| {
            let key = license.key.as_ref().map_or("", |key| key.expose());
            let next = format!(
                "This is the license key: give it to the customer, whose installation activates with it.\n\
                 Next: kaching license show {} says who uses it.",
                license.id
            );
            format!("\n  {}\n\n{}", output.style.bold(key), output.style.dim(&next))
        })
        .await
    }
}
