use clap::Args;
use kaching_api::Reminder;

use crate::{
    failure::Failure,
    flags::{CsvRow, PageArguments},
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
        self.part.run(client, output, path, |reminders: Vec<_>| table(&reminders, output)).await
    }
}

impl CsvRow for Reminder {
    const COLUMNS: &'static str =
        "license customer customer_name email product plan expires_at days_left due";
}

fn table(reminders: &[Reminder], output: &Output) -> String {
    let mut table = Table::new(["ENDS", "CUSTOMER", "MAIL", "PLAN", "LICENSE"])
        .shortens([("ENDS", 11), ("CUSTOMER", 12), ("MAIL", 12)])
        .leaves_out(["MAIL", "PLAN"]);
    for reminder in reminders {
        table.row([
            ends_on(reminder.expires_at, output.now),
            reminder.customer_name.clone(),
            reminder.email.clone().unwrap_or_default(),
            format!("{}:{}", reminder.product, reminder.plan),
            reminder.license.to_string(),
        ]);
    }
    table.fitted(output)
}
