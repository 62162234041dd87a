//! The objects that a list has with a filter.

use kaching_api::List;
use kaching_base::ParseError;
use serde_json::Value;

use crate::{
    failure::Failure,
    output::show_progress,
    remote::{Client, Path},
};

/// The rows of a page, the most that the API gives.
const PAGE: &str = "200";

/// The parameters of a list that choose a page of it.
const PAGING: [&str; 3] = ["limit", "after", "sort"];

/// Reads `product=chorus`.
pub(super) fn parse(text: &str) -> Result<(String, String), ParseError> {
    let (name, value) = text
        .split_once('=')
        .filter(|(name, _)| !name.is_empty())
        .ok_or_else(|| ParseError::new("a filter looks like product=chorus"))?;
    if PAGING.contains(&name) {
        return Err(ParseError::new("limit, after and sort choose a page of the list, and are no filters"));
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Returns the ids of all objects of a list with this filter, as the list is now.
pub(super) async fn ids(
    noun: &str,
    filter: &[(String, String)],
    client: &mut Client,
) -> Result<Vec<Box<str>>, Failure> {
    let path = Path::admin(&format!("{noun}s")).with("limit", PAGE);
    let path = filter.iter().fold(path, |path, (name, value)| path.with(name, value));
    let mut ids: Vec<Box<str>> = Vec::new();
    let mut after: Option<String> = None;
    loop {
        let page = client.get(path.clone().maybe("after", after.as_ref())).await;
        let page: List<Value> = page.map_err(|failure| unknown_name(&failure).unwrap_or(failure))?.read()?;
        ids.extend(page.items.iter().filter_map(|item| item["id"].as_str()).map(Box::from));
        show_progress(&format!("{} {noun}s found", ids.len()));
        after = page.next;
        if after.is_none() {
            show_progress("");
            return Ok(ids);
        }
    }
}

/// Returns the failure for a name that the list does not have, with those that it has: the authority knows them.
fn unknown_name(failure: &Failure) -> Option<Failure> {
    let Failure::Answered(problem) = failure else { return None };
    let mut names = problem.detail.strip_prefix("unknown field ")?.split('`').skip(1).step_by(2);
    let unknown = names.next()?;
    let known: Vec<&str> = names.filter(|name| !PAGING.contains(name)).collect();
    Some(Failure::usage(format!(
        "There is no filter {unknown}. The filters of this list are: {}.",
        known.join(", ").replace("metadata", "metadata[KEY]")
    )))
}
