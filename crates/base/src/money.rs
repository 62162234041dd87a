use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{ParseError, words};

words! {
    /// How often a price is due.
    Interval, "an interval" {
        /// Once.
        Once = "once",
        /// Every month.
        Month = "month",
        /// Every year.
        Year = "year",
    }
}

/// The price of a plan: `EUR:490000/year` is 4,900 euros a year.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Price {
    /// Three capital letters of ISO 4217.
    pub currency: String,
    /// In the smallest unit of the currency.
    pub amount: i64,
    /// The period in which it is due.
    pub interval: Interval,
}

impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}/{}", self.currency, self.amount, self.interval)
    }
}

impl FromStr for Price {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let malformed = || {
            ParseError("a price looks like EUR:490000/year: currency, cents, once, month or year".to_owned())
        };
        let (currency, rest) = text.split_once(':').ok_or_else(malformed)?;
        let (amount, interval) = rest.split_once('/').unwrap_or((rest, "once"));
        let price = Self {
            currency: currency.to_owned(),
            amount: amount.parse().map_err(|_| malformed())?,
            interval: interval.parse().map_err(|_| malformed())?,
        };
        price.check().map(|()| price)
    }
}

impl Price {
    /// Whether the parts make sense.
    ///
    /// # Errors
    /// If the currency is not three capital letters or the amount is negative.
    pub fn check(&self) -> Result<(), ParseError> {
        if self.currency.len() != 3 || !self.currency.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(ParseError("a currency is three capital letters, like EUR".to_owned()));
        }
        if self.amount < 0 { Err(ParseError("a price is not negative".to_owned())) } else { Ok(()) }
    }
}
