use kaching_base::{Code, ErrorCode};

use crate::{Contact, Holder};

/// The answer is no: a code, a sentence for people, and what helps to get a yes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Why, from the closed list.
    pub code: ErrorCode,
    /// One sentence that says what to do.
    pub detail: String,
    /// The holders of the slots, if all are held.
    pub holders: Vec<Holder>,
    /// The plan that would allow it.
    pub upgrade: Option<Upgrade>,
    /// The contact for customers who need more.
    pub contact: Option<Contact>,
    /// Seconds after which asking again may help.
    pub retry_after_s: Option<i64>,
}

/// The plan of lowest rank above the present one that would allow what was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upgrade {
    /// The plan's code.
    pub plan: Code,
    /// The plan's name.
    pub name: String,
    /// The customer's benefit, in one line.
    pub benefit: Option<String>,
}

impl Refused {
    /// A refusal with a code and its sentence.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
            holders: Vec::new(),
            upgrade: None,
            contact: None,
            retry_after_s: None,
        }
    }
}
