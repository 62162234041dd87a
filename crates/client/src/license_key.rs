use std::{fmt, fs, io};

use kaching_base::Secret;

/// A license key as it was bought. It has no `Debug` that shows it.
#[derive(Clone)]
pub struct LicenseKey(Secret<String>);

/// Why no license key was found: a sentence that says where one belongs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LicenseKeyError {
    /// Neither variable is set.
    #[error("no license key: set {variable} to it, or {variable}_FILE to a file that holds it")]
    Missing {
        /// The variable that was asked for.
        variable: String,
    },
    /// The file cannot be read.
    #[error("the license key cannot be read from {path} ({variable}_FILE): {source}")]
    Unreadable {
        /// The variable that was asked for.
        variable: String,
        /// The file that it names.
        path: String,
        /// What the system says.
        source: io::Error,
    },
}

impl LicenseKey {
    /// A key that the program has by other means. Space around it is dropped.
    pub fn new(key: impl Into<String>) -> Self {
        let key = Secret::new(key.into());
        Self(Secret::new(key.expose().trim().to_owned()))
    }

    /// The key in an environment variable, or in the file that `<variable>_FILE` names.
    ///
    /// # Errors
    /// If neither is set, or the file cannot be read.
    pub fn from_env(variable: &str) -> Result<Self, LicenseKeyError> {
        #[expect(
            clippy::disallowed_methods,
            reason = "the host asks for this variable by name, once, at start"
        )]
        let read = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        if let Some(key) = read(variable) {
            return Ok(Self::new(key));
        }
        let missing = || LicenseKeyError::Missing { variable: variable.to_owned() };
        let path = read(&format!("{variable}_FILE")).ok_or_else(missing)?;
        match fs::read_to_string(path.trim()) {
            Ok(key) if key.trim().is_empty() => Err(missing()),
            Ok(key) => Ok(Self::new(key)),
            Err(source) => Err(LicenseKeyError::Unreadable { variable: variable.to_owned(), path, source }),
        }
    }

    /// The vendor's reference of the customer, where the key names it.
    pub(crate) fn customer(&self) -> Option<String> {
        let key = kaching_license::LicenseKey::parse(self.expose()).ok()?;
        key.customer().map(str::to_owned)
    }

    /// The key itself.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for LicenseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LicenseKey(…)")
    }
}
