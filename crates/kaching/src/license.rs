use std::collections::BTreeMap;

use clap::{Arg, Args, Subcommand};
use kaching_api::{FindRequest, License, SecretText};
use kaching_base::{Code, CustomerId, Limit};

use crate::{
    failure::Failure,
    flags::{CsvRow, argument},
    output::{Output, Table, word},
    remote::{Client, Path},
    words::ends_on,
};

mod batch;
mod card;
mod create;
mod delete;
mod edit;
mod key;
mod list;
mod reinstate;
mod rekey;
mod renew;
mod revoke;
mod show;
mod suspend;
mod tag;
mod transfer;
mod upgrade;
mod with_keys;

/// Licenses: grants of a plan to a customer
#[derive(Subcommand)]
pub(crate) enum LicenseCommand {
    Create(create::CreateLicense),
    List(list::ListLicenses),
    Show(show::ShowLicense),
    Edit(edit::EditLicense),
    Tag(tag::TagLicense),
    Suspend(suspend::SuspendLicense),
    Reinstate(reinstate::ReinstateLicense),
    Upgrade(upgrade::UpgradeLicense),
    Renew(renew::RenewLicense),
    Revoke(revoke::RevokeLicense),
    Delete(delete::DeleteLicense),
    Rekey(rekey::RekeyLicense),
    Transfer(transfer::TransferLicense),
    Key(key::ShowKey),
}

impl LicenseCommand {
    pub(crate) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        match self {
            Self::Create(verb) => verb.run(client, output).await,
            Self::List(verb) => verb.run(client, output).await,
            Self::Show(verb) => verb.run(client, output).await,
            Self::Edit(verb) => verb.run(client, output).await,
            Self::Tag(verb) => verb.run(client, output).await,
            Self::Suspend(verb) => verb.run(client, output).await,
            Self::Reinstate(verb) => verb.run(client, output).await,
            Self::Upgrade(verb) => verb.run(client, output).await,
            Self::Renew(verb) => verb.run(client, output).await,
            Self::Revoke(verb) => verb.run(client, output).await,
            Self::Delete(verb) => verb.run(client, output).await,
            Self::Rekey(verb) => verb.run(client, output).await,
            Self::Transfer(verb) => verb.run(client, output).await,
            Self::Key(verb) => verb.run(client, output).await,
        }
    }
}

/// The license of a command.
#[derive(Args)]
struct LicenseArgument {
    /// Its id or key; - reads it from standard input
    #[arg(value_name = "LICENSE")]
    license: String,
}

impl LicenseArgument {
    async fn path(&self, client: &mut Client) -> Result<Path, Failure> {
        path_of(&self.license, client).await
    }

    /// Returns the license. Confirmations and messages name its id, never its key.
    async fn present(&self, client: &mut Client) -> Result<License, Failure> {
        let path = self.path(client).await?;
        client.get(path).await?.read()
    }
}

/// Returns the id of the license with this id or key; `-` reads it from standard input. A key, even a mistyped
/// one, is sent in a body, since URLs are logged.
pub(crate) async fn id(license: &str, client: &mut Client) -> Result<String, Failure> {
    let text = argument(license)?;
    if text.starts_with("lic_") {
        return Ok(text);
    }
    let body = FindRequest { license_key: SecretText::new(text) };
    let found: License = client.post(Path::admin("licenses").then("find"), &body).await?.read()?;
    Ok(found.id.to_string())
}

/// Returns the path of the license with this id or key.
async fn path_of(license: &str, client: &mut Client) -> Result<Path, Failure> {
    Ok(path(&id(license, client).await?))
}

/// Describes the ids of a command that takes several licenses.
fn licenses(ids: Arg) -> Arg {
    ids.value_name("LICENSE").help("Their ids or keys; - reads them from standard input, one on each line")
}

fn path(license: &str) -> Path {
    Path::admin("licenses").then(license)
}

impl CsvRow for License {
    const COLUMNS: &'static str = "id customer product plan type status state revision starts_at expires_at features limits used_slots \
         bindings tags notes metadata suspended_reason scheduled.plan scheduled.at created_at updated_at archived_at";
}

/// The names of customers.
type Names = BTreeMap<CustomerId, String>;

fn called(names: &Names, id: CustomerId) -> String {
    names.get(&id).cloned().unwrap_or_else(|| id.to_string())
}

fn table(licenses: &[License], names: &Names, output: &Output) -> String {
    let mut table = Table::new(["ID", "CUSTOMER", "PLAN", "TYPE", "STATE", "ENDS", "USED", "TAGS"])
        .shortens([("CUSTOMER", 10), ("ENDS", 11), ("TAGS", 8)])
        .leaves_out(["TAGS", "TYPE", "USED", "PLAN", "ENDS"]);
    for license in licenses {
        table.row([
            license.id.to_string(),
            called(names, license.customer),
            format!("{}:{}", license.product, license.plan),
            license.kind.to_string(),
            word(&license.state),
            ends(license, output),
            used(license),
            license.tags.iter().cloned().collect::<Vec<_>>().join(", "),
        ]);
    }
    table.fitted(output)
}

/// Returns the slots in use and all of them: `3/5`, or `3/unlimited`.
fn used(license: &License) -> String {
    // Without a limit of slots there is one.
    let slots = license.limits.get(&Code::activations()).map_or(Some(1), Limit::max);
    let slots = slots.map_or_else(|| "unlimited".to_owned(), |slots| slots.to_string());
    format!("{}/{slots}", license.used_slots)
}

fn ends(license: &License, output: &Output) -> String {
    match (license.expires_at, license.starts_at) {
        (Some(at), _) => ends_on(at, output.now),
        (None, Some(_)) => "never".to_owned(),
        (None, None) => "starts with the first activation".to_owned(),
    }
}
