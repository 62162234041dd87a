use std::{fmt, ops::Deref};

use kaching_api::{Contact, Upgrade};
use kaching_license::RefusalCode;

use crate::names::UnknownName;

/// A check was denied. It reads as a sentence, and has its parts for a program that shows them in its own way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied(Box<Denial>);

/// Why a check was denied, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denial {
    /// The reason as a code; `None` where no statement says yes and none says no, and for an unknown name.
    pub code: Option<RefusalCode>,
    /// The feature or limit that was asked for; `None` where nothing may run.
    pub subject: Option<String>,
    /// The reason and what to do, for people.
    pub message: String,
    /// For a name that no plan of the product has: the error of the program.
    pub unknown_name: Option<UnknownName>,
    /// For a limit: the present use, what was asked for, and the maximum.
    pub limit: Option<OverLimit>,
    /// The plan of lowest rank above the present one that has it, with its benefit.
    pub upgrade: Option<Upgrade>,
    /// The vendor's contact.
    pub contact: Option<Contact>,
}

/// A maximum, and an amount that would exceed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OverLimit {
    /// The present use: of a counter, in the present period.
    pub present: u64,
    /// The amount that was asked for: of a counter, how many more.
    pub wanted: u64,
    /// The maximum.
    pub max: u64,
}

impl Denied {
    pub(crate) fn new(denial: Denial) -> Self {
        Self(Box::new(denial))
    }

    /// Denies everything.
    pub(crate) fn everything(code: Option<RefusalCode>, message: String, contact: Option<Contact>) -> Self {
        let subject = None;
        Self::new(Denial { code, subject, message, unknown_name: None, limit: None, upgrade: None, contact })
    }

    /// Denies a feature or limit that no plan has.
    pub(crate) fn unknown(unknown: UnknownName) -> Self {
        Self::new(Denial {
            code: None,
            subject: Some(unknown.name.clone()),
            message: unknown.to_string(),
            unknown_name: Some(unknown),
            limit: None,
            upgrade: None,
            contact: None,
        })
    }
}

impl Denial {
    /// The code as text, `unknown` where there is none.
    pub fn code_text(&self) -> &str {
        self.code.as_ref().map_or("unknown", RefusalCode::as_str)
    }
}

impl Deref for Denied {
    type Target = Denial;

    fn deref(&self) -> &Denial {
        &self.0
    }
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Denied {}
