//! Something to look at: three products with plans and features, and customers who use them.

use clap::{Args, ValueEnum};
use kaching_base::ErrorCode;
use serde::Serialize;

use crate::{
    failure::Failure,
    output::{Output, plural},
    remote::{Answer, Client},
};

mod activity;
mod foreign;
mod people;
mod products;
mod progress;
mod sold;

pub(crate) use products::products;

/// Make the three products, with customers, licenses and activity to look at
#[derive(Args)]
pub(crate) struct Seed {
    /// How much
    #[arg(long, value_enum, default_value_t = Size::Small)]
    size: Size,
    /// Also in an authority that holds what seed has not made
    #[arg(long)]
    yes: bool,
}

/// How much is made.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Size {
    /// A dozen licenses
    Small,
    /// Some thousands
    Big,
}

/// What was made, and what was there already.
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
    pub(crate) made: u32,
    pub(crate) existing: u32,
}

impl Seed {
    pub(crate) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        if !self.yes
            && let Some(what) = foreign::find(client, output.now).await?
        {
            return Err(Failure::refused(format!(
                "This authority holds what seed has not made ({what}): sample customers and licenses would stand among yours, in lists, reminders and figures. Use another directory with --data, or add --yes."
            )));
        }
        let mut seeded = Seeded::default();
        products(client, &mut seeded).await?;
        let sales = match self.size {
            Size::Small => sold::small(output.now),
            Size::Big => sold::big(output.now),
        };
        let mut progress = progress::Progress::of(sales.len());
        for sale in &sales {
            people::customer(client, sale, &mut seeded).await?;
            activity::licenses(client, sale, &mut seeded).await?;
            progress.step();
        }
        progress.done();
        output.either(&seeded, || page(&seeded, output))
    }
}

impl Count {
    /// Counts what was asked to be made; that it is there already is as good.
    fn take(&mut self, answer: Result<Answer, Failure>) -> Result<Option<Answer>, Failure> {
        match answer {
            Ok(answer) => {
                self.made += 1;
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
    let (made, existing) = (list(|count| count.made), list(|count| count.existing));
    let mut text = String::new();
    if !made.is_empty() {
        text.push_str(&format!("Made {made}.\n"));
    }
    if !existing.is_empty() {
        text.push_str(&format!("There already: {existing}.\n"));
    }
    let next = "Next: kaching license list, kaching stats, kaching reminders";
    format!("{text}{}", output.style.dim(next))
}
