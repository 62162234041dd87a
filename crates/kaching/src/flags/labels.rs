use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use kaching_api::ListEdit;
use kaching_base::ParseError;

/// Tags, notes and metadata of customers and licenses.
#[derive(Args)]
pub(crate) struct LabelArguments {
    /// A word to find it by; may be given several times
    #[arg(long, value_name = "WORD")]
    tag: Vec<String>,
    /// Notes for the operators
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) notes: String,
    /// An entry for other systems; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
}

impl LabelArguments {
    pub(crate) fn tags(&self) -> BTreeSet<String> {
        self.tag.iter().cloned().collect()
    }

    pub(crate) fn metadata(&self) -> BTreeMap<String, String> {
        self.metadata.iter().cloned().collect()
    }
}

/// Changes of tags, notes and metadata.
#[derive(Args)]
pub(crate) struct LabelEdits {
    /// One more word to find it by
    #[arg(long, value_name = "WORD")]
    tag: Vec<String>,
    /// A word to remove
    #[arg(long, value_name = "WORD", alias = "without-tag")]
    untag: Vec<String>,
    /// Notes for the operators, in place of the present ones
    #[arg(long, value_name = "TEXT")]
    pub(crate) notes: Option<String>,
    /// An entry to set, for other systems
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
    /// An entry to remove
    #[arg(long, value_name = "KEY")]
    without_metadata: Vec<String>,
}

impl LabelEdits {
    /// Returns the tags to add and to remove. The authority applies them to the present ones.
    pub(crate) fn tags(&self) -> Option<ListEdit<String>> {
        ListEdit::change(self.tag.clone(), self.untag.clone())
    }

    pub(crate) fn metadata(&self) -> Option<BTreeMap<String, Option<String>>> {
        let set = self.metadata.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
        let without = self.without_metadata.iter().map(|key| (key.clone(), None));
        let entries: BTreeMap<_, _> = set.chain(without).collect();
        (!entries.is_empty()).then_some(entries)
    }
}

pub(super) fn pair(text: &str) -> Result<(String, String), ParseError> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err(ParseError::new("metadata looks like key=value")),
    }
}
