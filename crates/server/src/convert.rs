//! Conversions between domain types and the types of the API.

mod activations;
mod changes;
mod jobs;
mod licenses;
mod people;
mod products;

use kaching_api::{self as api, FieldError};
use kaching_authority::{Error, activations::Answer, domain::EditList};
use kaching_base::{ErrorCode, ParseError};

pub(crate) use activations::*;
pub(crate) use changes::*;
pub(crate) use jobs::*;
pub(crate) use licenses::*;
pub(crate) use people::*;
pub(crate) use products::*;

use crate::problem::{Rejected, Result};

/// Returns the granted answer, or the refusal with its signed statement.
pub(crate) fn granted<T>(answer: Result<Answer<T>, Error>) -> Result<T> {
    match answer? {
        Answer::Granted(granted) => Ok(granted),
        Answer::Refused(refusal) => {
            let mut rejected = Rejected::from(Error::Refused(refusal.refused));
            rejected.problem.statement = refusal.statement;
            Err(rejected)
        }
    }
}

/// Converts a change of a list, each value by `of`.
pub(crate) fn list_edit<T, U>(edit: api::ListEdit<T>, of: impl Fn(T) -> U) -> EditList<U> {
    match edit {
        api::ListEdit::All(values) => EditList::All(values.into_iter().map(of).collect()),
        api::ListEdit::Change { add, remove } => {
            let [add, remove] = [add, remove].map(|values| values.into_iter().map(&of).collect());
            EditList::Change { add, remove }
        }
    }
}

/// Checks a name or version: text that fits a line.
pub(crate) fn short_text(pointer: &str, text: Option<String>) -> Result<Option<String>> {
    match text {
        Some(text) if text.len() > 200 => {
            Err(Rejected::invalid(pointer, "this text is at most 200 bytes long"))
        }
        text => Ok(text),
    }
}

impl Rejected {
    /// Makes a refusal of a text of the request that cannot be parsed.
    pub(crate) fn parse(pointer: &str, error: &ParseError) -> Self {
        let mut rejected = Self::new(ErrorCode::InvalidRequest, error.to_string());
        rejected.problem.errors.push(FieldError { pointer: pointer.to_owned(), detail: error.to_string() });
        rejected
    }
}
