use std::{fmt, ops::Deref};

use kaching_api::{Contact, Upgrade};
use kaching_license::RefusalCode;

/// A check's no. It reads as a sentence, and holds its parts for those who show them in their own way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied(Box<Denial>);

/// Why a check says no, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Denial {
    /// The reason as a code; none where no statement says yes and none says no.
    pub code: Option<RefusalCode>,
    /// The feature or limit that was asked for; none where nothing may run.
    pub subject: Option<String>,
    /// What happened and what to do, for people.
    pub message: String,
    /// For a limit: what is in use, what was asked for, and the maximum.
    pub limit: Option<OverLimit>,
    /// The plan of lowest rank above the present one that has it, with what is gained.
    pub upgrade: Option<Upgrade>,
    /// Whom to ask.
    pub contact: Option<Contact>,
}

/// A maximum and what would exceed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OverLimit {
    /// What is in use now.
    pub present: u64,
    /// What was asked for.
    pub wanted: u64,
    /// The maximum.
    pub max: u64,
}

impl Denied {
    pub(crate) fn new(denial: Denial) -> Self {
        Self(Box::new(denial))
    }

    /// Nothing may run.
    pub(crate) fn everything(code: Option<RefusalCode>, message: String, contact: Option<Contact>) -> Self {
        Self::new(Denial { code, subject: None, message, limit: None, upgrade: None, contact })
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
