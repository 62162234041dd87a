use clap::Args;
use kaching_api::{Check, CheckStatus};

use crate::{
    failure::Failure,
    output::{Output, Table, word},
    remote::{Choice, Missing, Path},
};

mod local;

/// Look at everything that an authority needs, and say what to do
#[derive(Args)]
pub(crate) struct Doctor {}

impl Doctor {
    pub(crate) async fn run(self, choice: &Choice, output: &Output) -> Result<(), Failure> {
        let mut checks = if choice.server.is_none() { local::checks(choice, output.now) } else { Vec::new() };
        for check in of_authority(choice).await {
            // What both looked at, the authority knows better.
            checks.retain(|local| local.check != check.check);
            checks.push(check);
        }
        let failed = checks.iter().filter(|check| check.status == CheckStatus::Fail).count();
        output.either(&checks, || table(&checks, output))?;
        match failed {
            0 => Ok(()),
            1 => Err(Failure::refused("One check failed: its remedy is in the table.")),
            _ => Err(Failure::refused(format!("{failed} checks failed: their remedies are in the table."))),
        }
    }
}

/// What the authority says of itself; that it cannot be asked is a finding, too.
async fn of_authority(choice: &Choice) -> Vec<Check> {
    let mut client = match choice.client(Missing::Refuse).await {
        Ok(client) => client,
        Err(failure) => return vec![check("authority", CheckStatus::Fail, failure.to_string())],
    };
    let answer = client.get(Path::admin("doctor")).await;
    client.close().await;
    match answer.and_then(|answer| answer.read::<Vec<Check>>()) {
        Ok(mut checks) => {
            checks.insert(0, check("authority", CheckStatus::Ok, String::new()));
            checks
        }
        Err(failure) => vec![check("authority", CheckStatus::Fail, failure.to_string())],
    }
}

fn check(name: &str, status: CheckStatus, remedy: impl Into<String>) -> Check {
    Check { check: name.to_owned(), status, remedy: remedy.into() }
}

fn table(checks: &[Check], output: &Output) -> String {
    let mut table = Table::new(["STATUS", "CHECK", "WHAT TO DO"]);
    for check in checks {
        table.row([word(&check.status), check.check.clone(), check.remedy.clone()]);
    }
    table.text(output.style)
}
