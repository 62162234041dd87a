use clap::Args;
use kaching_api::{ListEdit, PolicyEdit};
use kaching_base::{Code, CopyPolicy, FingerprintKind, Mode, Seconds};

use super::{days, seconds, words};

/// The lease policy.
#[derive(Args)]
#[command(next_help_heading = "Lease policy")]
pub(crate) struct PolicyArguments {
    /// Lifetime of a lease, 15m to 30m
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    lease: Option<Seconds>,
    /// How long a product runs without contact after the end of its lease
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    offline_grace: Option<Seconds>,
    /// How long a product runs after the end date, in whole days
    #[arg(long, value_name = "DAYS", value_parser = days)]
    expiry_grace: Option<i64>,
    /// The effect of a refusal or the end of grace
    #[arg(long, value_name = "MODE", value_parser = words!(Mode))]
    on_refusal: Option<Mode>,
    /// A feature that stays available with --on-refusal degrade; may be given several times
    #[arg(long, value_name = "FEATURE")]
    keep: Vec<Code>,
    /// How long the old installation runs after a move
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    move_grace: Option<Seconds>,
    /// Moves by key in 30 days; 0 forbids them
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    moves: Option<u32>,
    /// The reaction to a suspected copy
    #[arg(long, value_name = "POLICY", value_parser = words!(CopyPolicy))]
    copies: Option<CopyPolicy>,
    /// An accepted kind of fingerprint, any unless set; may be given several times
    #[arg(long = "kind", value_name = "KIND", value_parser = words!(FingerprintKind))]
    kinds: Vec<FingerprintKind>,
}

impl PolicyArguments {
    /// Returns the edit, or `None` without a flag.
    pub(crate) fn edit(&self) -> Option<PolicyEdit> {
        self.with(all(&self.keep), all(&self.kinds))
    }

    fn with(
        &self,
        keep: Option<ListEdit<Code>>,
        kinds: Option<ListEdit<FingerprintKind>>,
    ) -> Option<PolicyEdit> {
        let edit = PolicyEdit {
            lease_s: self.lease.map(|Seconds(seconds)| seconds),
            offline_s: self.offline_grace.map(|Seconds(seconds)| seconds),
            expiry_days: self.expiry_grace.map(Some),
            mode: self.on_refusal,
            keep,
            move_grace_s: self.move_grace.map(|Seconds(seconds)| seconds),
            moves: self.moves.map(i64::from),
            copies: self.copies,
            kinds,
        };
        (edit != PolicyEdit::default()).then_some(edit)
    }
}

/// Changes of the lease policy: `--keep` and `--kind` add.
#[derive(Args)]
pub(crate) struct PolicyEdits {
    #[command(flatten)]
    policy: PolicyArguments,
    /// A feature that is no longer kept
    #[arg(long, value_name = "FEATURE", help_heading = "Lease policy")]
    without_keep: Vec<Code>,
    /// A kind of fingerprint that is no longer accepted; without any, all are accepted
    #[arg(long, value_name = "KIND", value_parser = words!(FingerprintKind), help_heading = "Lease policy")]
    without_kind: Vec<FingerprintKind>,
}

impl PolicyEdits {
    /// Returns the edit, or `None` without a flag.
    pub(crate) fn edit(&self) -> Option<PolicyEdit> {
        let keep = ListEdit::change(self.policy.keep.clone(), self.without_keep.clone());
        let kinds = ListEdit::change(self.policy.kinds.clone(), self.without_kind.clone());
        self.policy.with(keep, kinds)
    }
}

fn all<T: Clone>(values: &[T]) -> Option<ListEdit<T>> {
    (!values.is_empty()).then(|| ListEdit::All(values.to_vec()))
}
