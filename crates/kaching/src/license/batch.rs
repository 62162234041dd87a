//! Many licenses that differ only in their ids and keys.

use kaching_api::{LicenseBatch, LicenseBatchCreate};

use crate::{
    failure::Failure,
    output::{Output, remark},
    remote::{Client, Path},
    words::plural,
};

/// Creates the licenses and prints their ids and keys as CSV: neither has a character that needs quotes.
pub(super) async fn create(
    body: LicenseBatchCreate,
    client: &mut Client,
    output: &Output,
) -> Result<(), Failure> {
    let answer = client.post(Path::admin("licenses").then("batch"), &body).await?;
    if output.json {
        return output.value(&answer.json()?);
    }
    let LicenseBatch { tags, items } = answer.read()?;
    let mut lines = String::from("id,key\r\n");
    for item in &items {
        lines.extend([&item.id.to_string(), ",", item.key.expose(), "\r\n"]);
    }
    output.words(&lines)?;
    let count = plural(i64::try_from(items.len()).unwrap_or(i64::MAX), "license");
    let tags: Vec<String> = tags.into_iter().collect();
    let tag = tags.first().map_or("", String::as_str);
    remark(&format!(
        "Created {count}, with the tags: {}. Keep the keys in a safe place.\nNext: kaching license list --tag {tag}",
        tags.join(", ")
    ));
    Ok(())
}
