use std::collections::BTreeMap;

use kaching_api::{License, LicenseKeyAnswer, LicenseKeysRequest, List};
use kaching_base::LicenseId;
use serde_json::Value;

use crate::{
    failure::Failure,
    flags::{CsvRow, Export},
    remote::{Answer, Client, Path},
};

/// Prints licenses with their keys, in the last column of a CSV file.
pub(super) async fn with_keys(export: Export, client: &mut Client) -> Result<(), Failure> {
    let columns = format!("{} key", License::COLUMNS);
    export.run_with(client, &columns, async |client, rows| add_keys(client, rows).await).await
}

async fn add_keys(client: &mut Client, rows: &mut [Value]) -> Result<(), Failure> {
    let licenses = rows.iter().map(id).collect::<Result<Vec<_>, _>>()?;
    let keys = keys(client, licenses).await?;
    for row in rows {
        let key = keys.get(&id(row)?).cloned();
        if let Value::Object(members) = row {
            members.insert("key".to_owned(), key.into());
        }
    }
    Ok(())
}

fn id(row: &Value) -> Result<LicenseId, Failure> {
    serde_json::from_value(row["id"].clone()).map_err(|error| Answer::not_understood(&error))
}

/// Returns the present keys of these licenses.
async fn keys(client: &mut Client, licenses: Vec<LicenseId>) -> Result<BTreeMap<LicenseId, String>, Failure> {
    if licenses.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (path, body) = (Path::admin("licenses").then("keys"), LicenseKeysRequest { licenses });
    let found: List<LicenseKeyAnswer> = client.post(path, &body).await?.read()?;
    Ok(found.items.into_iter().map(|one| (one.id, one.key.expose().to_owned())).collect())
}
