use std::{fmt, fs, io};

use kaching_base::{Secret, decode_text, pasted};

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
        /// The system's error.
        source: io::Error,
    },
}

impl LicenseKey {
    /// A key that the program has by other means, as people have it: spaces, line breaks, invisible characters, quotes
    /// around it and a `Bearer` before it are dropped, and dashes become hyphens.
    pub fn new(key: impl Into<String>) -> Self {
        let key = Secret::new(key.into());
        Self(Secret::new(pasted(key.expose())))
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
        if let Some(key) = read(variable).map(Self::new).filter(|key| !key.is_empty()) {
            return Ok(key);
        }
        let missing = || LicenseKeyError::Missing { variable: variable.to_owned() };
        let path = read(&format!("{variable}_FILE")).ok_or_else(missing)?;
        match Self::read(path.trim()) {
            Ok(key) if key.is_empty() => Err(missing()),
            Ok(key) => Ok(key),
            Err(source) => Err(LicenseKeyError::Unreadable { variable: variable.to_owned(), path, source }),
        }
    }

    fn read(path: &str) -> io::Result<Self> {
        let bytes = Secret::new(fs::read(path)?);
        let no_text = || io::Error::new(io::ErrorKind::InvalidData, "it is neither in UTF-8 nor in UTF-16");
        decode_text(bytes.expose()).map(Self::new).ok_or_else(no_text)
    }

    fn is_empty(&self) -> bool {
        self.expose().is_empty()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_as_an_editor_saved_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("license-key");
        let path = path.to_str().unwrap();
        let utf16: Vec<u8> = "\u{feff}“CHORUS–1”\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for bytes in [b"CHORUS-1\n", "\u{feff}CHORUS-1\r\n".as_bytes(), b"\"CHORUS-\n1\"", &utf16] {
            fs::write(path, bytes).unwrap();
            assert_eq!(LicenseKey::read(path).unwrap().expose(), "CHORUS-1", "{bytes:?}");
        }
        fs::write(path, b"CHORUS-\xff").unwrap();
        let error = LicenseKey::read(path).unwrap_err().to_string();
        assert_eq!(error, "it is neither in UTF-8 nor in UTF-16");
        fs::write(path, "\u{feff}\r\n").unwrap();
        assert!(LicenseKey::read(path).unwrap().is_empty(), "a file of a mark alone holds no key");
    }
}
