use clap::Args;
use kaching_api::Reminder;

use crate::{
    failure::Failure,
    flags::PageArguments,
    output::{Output, Table},
    remote::{Client, Path},
    words::ends_on,
};

/// Licenses that end soon, with the customers to remind
#[derive(Args)]
pub(crate) struct Reminders {
    #[command(flatten)]
    part: PageArguments,
}

impl Reminders {
    pub(crate) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let path = Path::admin("reminders");
        self.part.fetch(client, path).await?.print(output, |reminders| table(&reminders, output))
    }
}

fn table(reminders: &[Reminder], output: &Output) -> String {
    let mut table = Table::new(["ENDS", "CUSTOMER", "MAIL", "PLAN", "LICENSE"]);
    for reminder in reminders {
        table.row([
            ends_on(reminder.expires_at, output.now),
            reminder.customer_name.clone(),
            reminder.email.clone().unwrap_or_default(),
            format!("{}:{}", reminder.product, reminder.plan),
            reminder.license.to_string(),
        ]);
    }
    table.text(output.style)
}
