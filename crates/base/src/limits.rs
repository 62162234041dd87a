use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Code, ParseError, words};

words! {
    /// The period after which a counter starts again.
    Period, "a period" {
        /// An hour.
        Hour = "hour",
        /// A day.
        Day = "day",
        /// A month.
        Month = "month",
        /// A year.
        Year = "year",
    }
}

words! {
    /// Where a counter's periods begin.
    Anchor, "an anchor" {
        /// With the calendar, in UTC.
        Utc = "utc",
        /// With the license's start.
        Start = "start",
    }
}

/// What happens at a counter's maximum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overage {
    /// No more is allowed.
    Hard,
    /// This much more is allowed and reported; nothing means without bound.
    Soft(Option<u64>),
}

/// A maximum, of one of three kinds; a missing `max` is unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Wire", into = "Wire")]
pub enum Limit {
    /// The number of installations that may be active at the same time.
    Slots {
        /// Nothing is unlimited.
        max: Option<u64>,
    },
    /// A present amount that each installation reports.
    Level {
        /// Nothing is unlimited.
        max: Option<u64>,
    },
    /// An amount that adds up over a period.
    Counter {
        /// Nothing is unlimited.
        max: Option<u64>,
        /// When it starts again.
        per: Period,
        /// Where its periods begin.
        anchor: Anchor,
        /// What happens at the maximum.
        overage: Overage,
    },
}

/// The maxima of a plan, a license or a lease, by name.
pub type Limits = BTreeMap<Code, Limit>;

impl Limit {
    /// The maximum; nothing is unlimited.
    pub fn max(&self) -> Option<u64> {
        match *self {
            Self::Slots { max } | Self::Level { max } | Self::Counter { max, .. } => max,
        }
    }

    /// `slots`, `level` or `counter`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Slots { .. } => "slots",
            Self::Level { .. } => "level",
            Self::Counter { .. } => "counter",
        }
    }

    /// Reads `NAME=MAX[/PERIOD][:soft[+N%|+N]]`, as the command line takes it.
    ///
    /// # Errors
    /// With the form, if the text has another.
    pub fn parse_named(text: &str) -> Result<(Code, Self), ParseError> {
        let (name, limit) = text.split_once('=').ok_or_else(form)?;
        let name: Code = name.parse()?;
        let limit: Self = limit.parse()?;
        match (name.as_str(), limit) {
            ("activations", Self::Level { max }) => Ok((name, Self::Slots { max })),
            ("activations", _) => {
                Err(ParseError("activations are slots: they have a maximum and no period".to_owned()))
            }
            _ => Ok((name, limit)),
        }
    }
}

fn form() -> ParseError {
    ParseError("a limit looks like nodes=25, jobs=10000/month:soft+10% or services=unlimited".to_owned())
}

impl FromStr for Limit {
    type Err = ParseError;

    /// Reads `MAX[/PERIOD][:soft[+N%|+N]]`: with a period a counter, else a level.
    fn from_str(text: &str) -> Result<Self, ParseError> {
        let (rest, mode) = text.split_once(':').unwrap_or((text, "hard"));
        let (max, period) = rest.split_once('/').map_or((rest, None), |(max, period)| (max, Some(period)));
        let max: Option<u64> = if max == "unlimited" { None } else { Some(number(max)?) };
        let Some(period) = period else {
            return if mode == "hard" { Ok(Self::Level { max }) } else { Err(form()) };
        };
        let overage = match mode.split_once('+').map_or((mode, None), |(mode, over)| (mode, Some(over))) {
            ("hard", None) => Overage::Hard,
            ("soft", None) => Overage::Soft(None),
            ("soft", Some(over)) => Overage::Soft(Some(match (over.strip_suffix('%'), max) {
                (Some(percent), Some(max)) => max.saturating_mul(number(percent)?) / 100,
                (Some(_), None) => return Err(form()),
                (None, _) => number(over)?,
            })),
            _ => return Err(form()),
        };
        Ok(Self::Counter { max, per: period.parse()?, anchor: Anchor::Utc, overage })
    }
}

/// A JSON number that every language reads exactly goes up to 2^53 - 1 (RFC 8259, section 6).
const EXACT: u64 = (1 << 53) - 1;

fn number(text: &str) -> Result<u64, ParseError> {
    text.parse().ok().filter(|n| *n <= EXACT).ok_or_else(form)
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.max() {
            Some(max) => write!(f, "{max}")?,
            None => f.write_str("unlimited")?,
        }
        let Self::Counter { per, overage, .. } = self else { return Ok(()) };
        write!(f, "/{per}")?;
        match overage {
            Overage::Hard => Ok(()),
            Overage::Soft(None) => f.write_str(":soft"),
            Overage::Soft(Some(over)) => write!(f, ":soft+{over}"),
        }
    }
}

/// The shape of a limit in statements, answers and the database.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(as = Limit))]
struct Wire {
    /// `slots`, `level` or `counter`.
    kind: String,
    /// The maximum; null is unlimited.
    #[cfg_attr(feature = "openapi", schema(required))]
    max: Option<u64>,
    /// The period of a counter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    per: Option<Period>,
    /// Where the periods of a counter begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    anchor: Option<Anchor>,
    /// What happens at the maximum of a counter: `hard` or `soft`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mode: Option<String>,
    /// How much more than the maximum a soft counter allows; without it, any amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    over: Option<u64>,
}

#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for Limit {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        Wire::schema()
    }
}
#[cfg(feature = "openapi")]
impl utoipa::ToSchema for Limit {}

impl From<Limit> for Wire {
    fn from(limit: Limit) -> Self {
        let max = limit.max();
        let plain =
            Self { kind: limit.kind().to_owned(), max, per: None, anchor: None, mode: None, over: None };
        let Limit::Counter { per, anchor, overage, .. } = limit else { return plain };
        let (mode, over) = match overage {
            Overage::Hard => ("hard", None),
            Overage::Soft(over) => ("soft", over),
        };
        Self { per: Some(per), anchor: Some(anchor), mode: Some(mode.to_owned()), over, ..plain }
    }
}

impl TryFrom<Wire> for Limit {
    type Error = ParseError;

    fn try_from(wire: Wire) -> Result<Self, ParseError> {
        let Wire { kind, max, per, anchor, mode, over } = wire;
        if max.into_iter().chain(over).any(|n| n > EXACT) {
            return Err(ParseError(format!("a maximum is at most {EXACT}")));
        }
        let plain = per.is_none() && anchor.is_none() && mode.is_none() && over.is_none();
        match (kind.as_str(), per) {
            ("slots", None) if plain => Ok(Self::Slots { max }),
            ("level", None) if plain => Ok(Self::Level { max }),
            ("counter", Some(per)) => {
                let overage = match (mode.as_deref().unwrap_or("hard"), over) {
                    ("hard", None) => Overage::Hard,
                    ("soft", over) => Overage::Soft(over),
                    _ => {
                        return Err(ParseError(
                            "a counter's mode is hard, or soft with or without 'over'".to_owned(),
                        ));
                    }
                };
                Ok(Self::Counter { max, per, anchor: anchor.unwrap_or(Anchor::Utc), overage })
            }
            ("counter", None) => {
                Err(ParseError("a counter needs 'per': hour, day, month or year".to_owned()))
            }
            ("slots" | "level", _) => Err(ParseError(format!("{kind} take only 'max'"))),
            _ => Err(ParseError("a limit's kind is slots, level or counter".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_forms_of_the_command_line() {
        let cases = [
            ("nodes=25", r#"{"kind":"level","max":25}"#),
            ("activations=1", r#"{"kind":"slots","max":1}"#),
            ("services=unlimited", r#"{"kind":"level","max":null}"#),
            (
                "jobs=10000/month",
                r#"{"kind":"counter","max":10000,"per":"month","anchor":"utc","mode":"hard"}"#,
            ),
            (
                "jobs=10000/month:soft+10%",
                r#"{"kind":"counter","max":10000,"per":"month","anchor":"utc","mode":"soft","over":1000}"#,
            ),
            (
                "jobs=unlimited/day:soft",
                r#"{"kind":"counter","max":null,"per":"day","anchor":"utc","mode":"soft"}"#,
            ),
        ];
        for (text, json) in cases {
            let (_, limit) = Limit::parse_named(text).unwrap();
            assert_eq!(serde_json::to_string(&limit).unwrap(), json);
            assert_eq!(serde_json::from_str::<Limit>(json).unwrap(), limit);
        }
    }

    #[test]
    fn refuses_other_forms() {
        for text in [
            "",
            "nodes",
            "nodes=",
            "nodes=-1",
            "nodes=1.5",
            "Nodes=1",
            "nodes=1:soft",
            "jobs=1/week",
            "activations=1/day",
            "jobs=unlimited/day:soft+10%",
            "jobs=99999999999999999999",
        ] {
            assert!(Limit::parse_named(text).is_err(), "{text}");
        }
        for json in [
            r#"{"kind":"slot","max":1}"#,
            r#"{"kind":"level","max":-1}"#,
            r#"{"kind":"level","max":1,"per":"day"}"#,
            r#"{"kind":"counter","max":1}"#,
            r#"{"kind":"counter","max":1,"per":"day","mode":"hard","over":1}"#,
            r#"{"kind":"level","max":1,"min":0}"#,
        ] {
            assert!(serde_json::from_str::<Limit>(json).is_err(), "{json}");
        }
    }
}
