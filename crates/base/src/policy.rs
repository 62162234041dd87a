use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Code, FingerprintKind, ParseError, words};

words! {
    /// What a refusal, or the end of grace, does to a running product.
    Mode, "a mode" {
        /// Every check says no.
        Block = "block",
        /// Only the features in `keep` stay.
        Degrade = "degrade",
        /// It is reported, and nothing is denied.
        Advise = "advise",
    }
}

words! {
    /// The effect of a suspected copy.
    CopyPolicy, "a copy policy" {
        /// Nothing.
        Allow = "allow",
        /// The operator is warned.
        Alert = "alert",
        /// Both copies are refused until an operator decides.
        Refuse = "refuse",
    }
}

/// The lease policy of a license.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeasePolicy {
    /// Lifetime of a lease in seconds, 900 to 1800.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub lease_s: i64,
    /// Seconds it runs on without contact after the last lease's end.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub offline_s: i64,
    /// Days it runs on after the license's end; null means 14, and none for trials.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub expiry_days: Option<i64>,
    /// The effect of a refusal or of the end of grace.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub mode: Mode,
    /// The features that stay where the mode is `degrade`.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub keep: BTreeSet<Code>,
    /// Seconds the superseded installation runs on after a takeover.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub move_grace_s: i64,
    /// Takeovers in 30 days by the key alone; 0 forbids them.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub moves: i64,
    /// The effect of a suspected copy.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub copies: CopyPolicy,
    /// The accepted kinds of fingerprint; empty accepts any.
    #[cfg_attr(feature = "openapi", schema(required))]
    pub kinds: BTreeSet<FingerprintKind>,
}

impl Default for LeasePolicy {
    fn default() -> Self {
        Self {
            lease_s: 900,
            offline_s: 259_200,
            expiry_days: None,
            mode: Mode::Block,
            keep: BTreeSet::new(),
            move_grace_s: 900,
            moves: 5,
            copies: CopyPolicy::Alert,
            kinds: BTreeSet::new(),
        }
    }
}

impl LeasePolicy {
    /// Whether every field is inside its bounds.
    ///
    /// # Errors
    /// With the field and its bounds.
    pub fn check(&self) -> Result<(), ParseError> {
        const TEN_YEARS: i64 = 3650 * 86_400;
        let bounds = [
            ("lease_s", self.lease_s, 900, 1800),
            ("offline_s", self.offline_s, 0, TEN_YEARS),
            ("expiry_days", self.expiry_days.unwrap_or(0), 0, 3650),
            ("move_grace_s", self.move_grace_s, 0, 30 * 86_400),
            ("moves", self.moves, 0, 1_000_000),
        ];
        match bounds.iter().find(|(_, value, low, high)| value < low || value > high) {
            Some((name, value, low, high)) => {
                Err(ParseError(format!("{name} is {low} to {high}, not {value}")))
            }
            None => Ok(()),
        }
    }
}
