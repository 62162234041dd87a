//! Flags that several commands share, and the forms of their values.

mod clearable;
mod duration;
mod edits;
mod export;
mod input;
mod labels;
mod list;
mod policy;
mod terms;

pub(crate) use clearable::{Clearable, clearable};
pub(crate) use duration::{days, offset, seconds};
pub(crate) use edits::{changes_something, cleared};
pub(crate) use export::{CsvRow, Export, FormatArgument};
pub(crate) use input::{Confirmation, argument, arguments};
pub(crate) use labels::{LabelArguments, LabelEdits};
pub(crate) use list::{ArchivedArgument, ListArguments, MetadataArgument, PageArguments};
pub(crate) use policy::{PolicyArguments, PolicyEdits};
pub(crate) use terms::{BindingArguments, LimitEdits, TermsArguments, binding};

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
