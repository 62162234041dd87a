use kaching_license::ValidationCode;

/// The signed answer of the authority about a license key. It lets nothing run: only a lease does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Validity {
    /// Whether the key can be used.
    pub valid: bool,
    /// `valid`, `valid_in_grace`, or why not.
    pub code: ValidationCode,
    /// The same as a sentence for people.
    pub detail: String,
}

/// There is no signed answer, so it is not known whether a key is valid.
#[derive(Clone, Debug, thiserror::Error)]
#[error("whether the license key is valid is not known: {why}")]
pub struct ValidateError {
    pub(crate) why: String,
}

impl Validity {
    /// A key is valid if both the flag and the code say so.
    pub(crate) fn new(code: ValidationCode, valid: bool, detail: String) -> Self {
        let valid = valid && matches!(code, ValidationCode::Valid | ValidationCode::ValidInGrace);
        Self { valid, code, detail }
    }
}
