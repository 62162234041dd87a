//! One command that changes several objects, each by a call of its own: a refusal of one does not stop the others.

mod filter;
mod report;

use std::collections::BTreeSet;

use clap::Args;
use kaching_base::ErrorCode;
use report::Report;

use crate::{
    failure::Failure,
    flags::{Confirmation, arguments},
    output::Output,
    remote::{Answer, Client},
    words::plural,
};

/// The objects of a command: by their ids, or by a filter.
#[derive(Args)]
pub(crate) struct Selection {
    /// Their ids; - reads them from standard input, one on each line
    #[arg(value_name = "ID")]
    ids: Vec<String>,
    /// All that a list with this filter has, in place of ids: a query parameter of the list in the API; may be given
    /// several times, and all of them hold
    #[arg(long, value_name = "NAME=VALUE", value_parser = filter::parse, conflicts_with = "ids")]
    filter: Vec<(String, String)>,
    #[command(flatten)]
    confirmation: Confirmation,
}

/// A change that a command makes to each selected object.
pub(crate) trait Change {
    /// The object in messages. With an s, it is the segment of the API's paths.
    const NOUN: &'static str;
    const VERB: &'static str;
    /// The past participle of the verb.
    const DONE: &'static str;

    /// Changes the object with this id or key.
    async fn change(&self, object: &str, client: &mut Client, output: &Output) -> Result<Changed, Failure>;
}

/// An object after its change.
pub(crate) struct Changed {
    pub(crate) answer: Answer,
    /// The text for people if it is the only object.
    pub(crate) alone: String,
    /// Its line among several.
    pub(crate) line: String,
}

impl Selection {
    /// Makes the change. One id has the output of its object; several ids and a filter have a report.
    pub(crate) async fn change<C: Change>(
        self,
        change: &C,
        client: &mut Client,
        output: &Output,
    ) -> Result<(), Failure> {
        if !self.filter.is_empty() {
            return self.change_filtered(change, client, output).await;
        }
        match &self.ids[..] {
            [] => Err(Failure::usage(format!(
                "Which {}s? Name them by their ids, or by --filter, as in --filter product=chorus.",
                C::NOUN
            ))),
            [one] if one != "-" => {
                let changed = change.change(one, client, output).await?;
                output.either(&changed.answer.json()?, || changed.alone)
            }
            several => {
                let mut seen = BTreeSet::new();
                let mut objects: Vec<Box<str>> =
                    arguments(several)?.into_iter().map(String::into_boxed_str).collect();
                objects.retain(|object| seen.insert(object.clone()));
                change_all(change, objects, client, output).await
            }
        }
    }

    /// Reads the ids first, since a change may move an object to another page of the list, or out of it.
    async fn change_filtered<C: Change>(
        &self,
        change: &C,
        client: &mut Client,
        output: &Output,
    ) -> Result<(), Failure> {
        let ids = filter::ids(C::NOUN, &self.filter, client).await?;
        let count = ids.len();
        if count > 0 {
            let counted = plural(i64::try_from(count).unwrap_or(i64::MAX), C::NOUN);
            self.confirmation.typed(&format!("This {}s {counted}.", C::VERB), &count.to_string())?;
        }
        change_all(change, ids, client, output).await
    }
}

async fn change_all<C: Change>(
    change: &C,
    objects: Vec<Box<str>>,
    client: &mut Client,
    output: &Output,
) -> Result<(), Failure> {
    let mut report = Report::begin::<C>(objects.len(), output)?;
    for (at, object) in objects.iter().enumerate() {
        match change.change(object, client, output).await {
            Ok(changed) => report.changed(&changed)?,
            Err(failure) => {
                report.failed(at, object, &failure)?;
                if concerns_all(&failure) {
                    report.end()?;
                    return Err(failure);
                }
            }
        }
    }
    report.end()?;
    report.outcome()
}

/// Whether the next object would meet the same failure: the authority is out of reach, or refuses the caller.
fn concerns_all(failure: &Failure) -> bool {
    match failure {
        Failure::Answered(problem) => {
            problem.status >= 500
                || [ErrorCode::Unauthenticated, ErrorCode::Forbidden, ErrorCode::RateLimited]
                    .iter()
                    .any(|code| failure.is(*code))
        }
        Failure::Usage(_) => false,
        _ => true,
    }
}
