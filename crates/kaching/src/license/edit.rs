use clap::Args;
use kaching_api::{Binding, License, LicenseEdit};
use kaching_base::{LicenseType, ParseError, Timestamp};

use super::{Which, card::show, path};
use crate::{
    failure::Failure,
    flags::{LabelEdits, LimitEdits, Policy, binding, changes_something, merged, words},
    output::Output,
    remote::Client,
};

/// Change a license; what is not named stays, and a running installation learns of it at once
#[derive(Args)]
pub(crate) struct Edit {
    #[command(flatten)]
    which: Which,
    /// What it is sold as
    #[arg(long = "type", value_name = "TYPE", value_parser = words!(LicenseType))]
    kind: Option<LicenseType>,
    /// When it starts
    #[arg(long, value_name = "DATE")]
    starts: Option<Timestamp>,
    /// When it ends; `never` is perpetual
    #[arg(long, value_name = "DATE|never", value_parser = end)]
    expires: Option<End>,
    #[command(flatten)]
    terms: LimitEdits,
    /// One more thing that it may be used on, as in create
    #[arg(long, value_name = "KIND=VALUE", value_parser = binding)]
    bind: Vec<Binding>,
    /// A binding to take away
    #[arg(long, value_name = "KIND=VALUE", value_parser = binding)]
    without_bind: Vec<Binding>,
    #[command(flatten)]
    labels: LabelEdits,
    /// Also below present use
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    policy: Policy,
}

#[derive(Clone)]
struct End(Option<Timestamp>);

impl Edit {
    pub(super) async fn run(self, client: &mut Client, output: &Output) -> Result<(), Failure> {
        let license = self.which.read()?;
        let mut edit = LicenseEdit {
            kind: self.kind,
            starts_at: self.starts,
            expires_at: self.expires.as_ref().map(|End(at)| *at),
            limits: self.terms.limits(),
            lease_policy: self.policy.edit(),
            metadata: self.labels.metadata(),
            notes: self.labels.notes.clone(),
            force: self.force,
            ..LicenseEdit::default()
        };
        if self.needs_present() {
            let present: License = client.get(path(&license)).await?.read()?;
            edit.features = merged(&present.features, &self.terms.feature, &self.terms.without_feature);
            edit.tags = merged(&present.tags, &self.labels.tag, &self.labels.without_tag);
            edit.bindings = self.bindings(present.bindings);
        }
        changes_something(&edit)?;
        let answer = client.patch(path(&license), &edit).await?;
        show(&answer, client, output, |_| String::new()).await
    }

    fn needs_present(&self) -> bool {
        let binds = !self.bind.is_empty() || !self.without_bind.is_empty();
        binds || self.terms.need_present() || self.labels.need_present()
    }

    fn bindings(&self, mut bindings: Vec<Binding>) -> Option<Vec<Binding>> {
        if self.bind.is_empty() && self.without_bind.is_empty() {
            return None;
        }
        bindings.retain(|bound| !self.without_bind.contains(bound) && !self.bind.contains(bound));
        bindings.extend(self.bind.iter().cloned());
        Some(bindings)
    }
}

fn end(text: &str) -> Result<End, ParseError> {
    if text == "never" { Ok(End(None)) } else { text.parse().map(|at| End(Some(at))) }
}
