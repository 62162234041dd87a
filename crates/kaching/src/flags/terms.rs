use std::collections::{BTreeMap, BTreeSet};

use clap::Args;
use kaching_api::{Binding, ListEdit};
use kaching_base::{Code, FingerprintKind, Limit, ParseError};

/// Limits and features.
#[derive(Args)]
pub(crate) struct TermsArguments {
    /// A maximum: activations=1, nodes=25, jobs=10000/month:soft+10%, services=unlimited; may be given several times
    #[arg(long, value_name = "NAME=MAX[/PERIOD][:soft[+N%|+N]]", value_parser = Limit::parse_named)]
    limit: Vec<(Code, Limit)>,
    /// A feature, by its code; may be given several times
    #[arg(long, value_name = "CODE")]
    feature: Vec<Code>,
}

impl TermsArguments {
    pub(crate) fn limits(&self) -> BTreeMap<Code, Limit> {
        self.limit.iter().cloned().collect()
    }

    pub(crate) fn features(&self) -> BTreeSet<Code> {
        self.feature.iter().cloned().collect()
    }
}

/// Changes of limits and features.
#[derive(Args)]
pub(crate) struct LimitEdits {
    /// A maximum to set, as in create
    #[arg(long, value_name = "NAME=MAX[/PERIOD][:soft[+N%|+N]]", value_parser = Limit::parse_named)]
    limit: Vec<(Code, Limit)>,
    /// A maximum to remove
    #[arg(long, value_name = "NAME")]
    without_limit: Vec<Code>,
    /// A feature to add
    #[arg(long, value_name = "CODE")]
    feature: Vec<Code>,
    /// A feature to remove
    #[arg(long, value_name = "CODE")]
    without_feature: Vec<Code>,
}

impl LimitEdits {
    pub(crate) fn features(&self) -> Option<ListEdit<Code>> {
        ListEdit::change(self.feature.clone(), self.without_feature.clone())
    }

    pub(crate) fn limits(&self) -> Option<BTreeMap<Code, Option<Limit>>> {
        let set = self.limit.iter().map(|(name, limit)| (name.clone(), Some(*limit)));
        let without = self.without_limit.iter().map(|name| (name.clone(), None));
        let limits: BTreeMap<_, _> = set.chain(without).collect();
        (!limits.is_empty()).then_some(limits)
    }
}

/// The bindings of a license.
#[derive(Args)]
pub(crate) struct BindingArguments {
    /// An installation that it is bound to: domain=*.example.com, cluster=ID; any unless set; may be given several times
    #[arg(long, value_name = "KIND=VALUE", value_parser = binding)]
    pub(crate) bind: Vec<Binding>,
}

/// Reads `domain=*.example.com`.
pub(crate) fn binding(text: &str) -> Result<Binding, ParseError> {
    let (kind, value) = text
        .split_once('=')
        .filter(|(_, value)| !value.is_empty())
        .ok_or_else(|| ParseError::new("a binding looks like domain=*.example.com or cluster=ID"))?;
    Ok(Binding { kind: kind.parse::<FingerprintKind>()?, value: value.to_owned() })
}
