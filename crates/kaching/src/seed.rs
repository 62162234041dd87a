//! Sample data: three products with plans and features, and customers who use them.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use kaching_base::{ErrorCode, Timestamp};
use serde::Serialize;

use crate::{
    failure::Failure,
    output::{Output, show_progress},
    remote::{Answer, Client},
    words::plural,
};

mod activity;
mod customers;
mod foreign;
mod products;
mod samples;

pub(crate) use products::products;
use samples::SampleCustomer;

/// Create sample data: three products, with customers, licenses and activations
#[derive(Args)]
pub(crate) struct Seed {
    /// The amount of sample data
    #[arg(long, value_enum, default_value_t = Size::Small)]
    size: Size,
    /// Also in an authority that holds other data
    #[arg(long)]
    yes: bool,
}

/// The amount of sample data.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Size {
    /// A dozen licenses
    Small,
    /// Some thousands
    Big,
}

/// The counts of rows that were created, and of those that already existed.
#[derive(Clone, Copy, Default, Serialize)]
pub(crate) struct Seeded {
    pub(crate) products: Count,
    pub(crate) features: Count,
    pub(crate) plans: Count,
    pub(crate) customers: Count,
    pub(crate) licenses: Count,
    pub(crate) activations: Count,
}

#[derive(Clone, Copy, Default, Serialize)]
pub(crate) struct Count {
    pub(crate) created: u32,
    pub(crate) existing: u32,
}

impl Seed {
    pub(crate) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        if !self.yes
            && let Some(what) = foreign::find(client, output.now).await?
        {
            return Err(Failure::refused(format!(
                "This authority holds other data ({what}): sample customers and licenses would appear among yours, in lists, reminders and statistics. Use another directory with --data, or add --yes."
            )));
        }
        let samples = match self.size {
            Size::Small => samples::small(output.now),
            Size::Big => samples::big(output.now),
        };
        let seeded = create(client, &samples).await?;
        output.either(&seeded, || page(&seeded, output))
    }
}

/// Creates the products and these customers with their licenses, as far as they do not exist yet.
async fn create(client: &mut Client, samples: &[SampleCustomer]) -> Result<Seeded, Failure> {
    let mut seeded = Seeded::default();
    products(client, &mut seeded).await?;
    for (at, customer) in samples.iter().enumerate() {
        if samples.len() > 100 && at.is_multiple_of(20) {
            show_progress(&format!("{at} of {} customers", samples.len()));
        }
        customers::customer(client, customer, &mut seeded).await?;
        activity::licenses(client, customer, &mut seeded).await?;
    }
    show_progress("");
    Ok(seeded)
}

/// Creates the small sample data, and a license of each plan that no installation uses. Returns the keys of these by
/// `product:plan`.
pub(crate) async fn with_test_licenses(
    client: &mut Client,
    now: Timestamp,
) -> Result<BTreeMap<String, String>, Failure> {
    create(client, &samples::small(now)).await?;
    let tester = samples::tester();
    customers::customer(client, &tester, &mut Seeded::default()).await?;
    let mut keys = BTreeMap::new();
    for (product, plan) in products::plans() {
        let name = format!("{product}:{plan}");
        let key = activity::license(client, &tester, &samples::license(product, plan), &name).await?;
        keys.insert(name, key);
    }
    Ok(keys)
}

impl Count {
    /// Counts a creation. A row that already exists is no error.
    fn count(&mut self, answer: Result<Answer, Failure>) -> Result<Option<Answer>, Failure> {
        match answer {
            Ok(answer) => {
                self.created += 1;
                Ok(Some(answer))
            }
            Err(failure) if failure.is(ErrorCode::AlreadyExists) => {
                self.existing += 1;
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }
}

fn page(seeded: &Seeded, output: &Output) -> String {
    let counts = [
        ("product", seeded.products),
        ("feature", seeded.features),
        ("plan", seeded.plans),
        ("customer", seeded.customers),
        ("license", seeded.licenses),
        ("activation", seeded.activations),
    ];
    let list = |of: fn(&Count) -> u32| {
        let some = counts.iter().filter(|(_, count)| of(count) > 0);
        some.map(|(noun, count)| plural(i64::from(of(count)), noun)).collect::<Vec<_>>().join(", ")
    };
    let (created, existing) = (list(|count| count.created), list(|count| count.existing));
    let mut text = String::new();
    if !created.is_empty() {
        text.push_str(&format!("Created {created}.\n"));
    }
    if !existing.is_empty() {
        text.push_str(&format!("There already: {existing}.\n"));
    }
    let next = "Next: kaching license list, kaching stats, kaching reminders";
    format!("{text}{}", output.style.dim(next))
}
