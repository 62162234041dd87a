//! Flags that several commands share, and the forms of their values.

mod duration;
mod edits;
mod labels;
mod listing;
mod policy;
mod target;
mod terms;

pub(crate) use duration::{days, seconds};
pub(crate) use edits::{changes_something, cleared};
pub(crate) use labels::{LabelEdits, Labels};
pub(crate) use listing::{Archived, Listing, Metadata, Part};
pub(crate) use policy::{Policy, PolicyEdits};
pub(crate) use target::{Confirmed, argument};
pub(crate) use terms::{Bindings, LimitEdits, Limits, binding};

/// A parser for a closed set of words, which the help names.
macro_rules! words {
    ($type:ty) => {
        <clap::builder::PossibleValuesParser as clap::builder::TypedValueParser>::map(
            clap::builder::PossibleValuesParser::new(<$type>::ALL.iter().map(|word| word.as_str())),
            |word| word.parse::<$type>().expect("one of the words"),
        )
    };
}
pub(crate) use words;
