use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use kaching_api::ListEdit;
use kaching_base::ParseError;

/// What customers and licenses carry for the people and systems around them.
#[derive(Args)]
pub(crate) struct Labels {
    /// A word to find it by; may be given several times
    #[arg(long, value_name = "WORD")]
    tag: Vec<String>,
    /// For the operators
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) notes: String,
    /// For other systems; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
}

impl Labels {
    pub(crate) fn tags(&self) -> BTreeSet<String> {
        self.tag.iter().cloned().collect()
    }

    pub(crate) fn metadata(&self) -> BTreeMap<String, String> {
        self.metadata.iter().cloned().collect()
    }
}

/// Changes of the same.
#[derive(Args)]
pub(crate) struct LabelEdits {
    /// One more word to find it by
    #[arg(long, value_name = "WORD")]
    tag: Vec<String>,
    /// A word to take away
    #[arg(long, value_name = "WORD", alias = "without-tag")]
    untag: Vec<String>,
    /// For the operators; replaces what is there
    #[arg(long, value_name = "TEXT")]
    pub(crate) notes: Option<String>,
    /// An entry to set, for other systems
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    metadata: Vec<(String, String)>,
    /// An entry to take away
    #[arg(long, value_name = "KEY")]
    without_metadata: Vec<String>,
}

impl LabelEdits {
    /// What is added and taken away, whatever is there: the authority knows that when it makes the change.
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
