use clap::Args;
use kaching_api::{Check, CheckStatus};

use crate::{
    failure::Failure,
    output::{Output, Table, word},
    remote::{AuthorityTarget, IfMissing, Path},
};

mod local;

/// Check everything that an authority needs, and suggest remedies
#[derive(Args)]
pub(crate) struct Doctor {}

impl Doctor {
    pub(crate) async fn run(self, target: &AuthorityTarget, output: &Output) -> Result<(), Failure> {
        let mut checks = if target.server.is_none() { local::checks(target, output.now) } else { Vec::new() };
        for check in of_authority(target).await {
            // A check of the authority replaces the local one.
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

/// Returns the checks of the authority itself. An authority that cannot be reached is a failed check.
async fn of_authority(target: &AuthorityTarget) -> Vec<Check> {
    let mut client = match target.connect(IfMissing::Refuse).await {
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
