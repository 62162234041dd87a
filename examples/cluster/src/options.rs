use std::{net::SocketAddr, path::PathBuf};

use kaching_client::{LicenseKey, LicenseKeyError};

/// What the service is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The license authority.
    pub authority: String,
    /// The authority's root key.
    ///
    /// An argument only because this is an example, whose authority may be made a moment before: a product has the line
    /// compiled in, since whoever can change it decides whose licenses count.
    pub root: String,
    /// Where the cluster's id and its license state are kept.
    pub data: PathBuf,
    /// What people call this cluster; its first node has the same name.
    pub name: String,
    /// The license key.
    pub license_key: LicenseKey,
}

/// Why the arguments make no sense: one sentence.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// An argument is missing, unknown or malformed.
    #[error("{0}")]
    Usage(String),
    /// There is no license key.
    #[error(transparent)]
    LicenseKey(#[from] LicenseKeyError),
}

impl Options {
    /// How it is called.
    pub const USAGE: &str = "cluster --authority URL --root kaching-root:… --data DIR [--listen 127.0.0.1:8080] [--name NAME]\n\
        with the license key in CHORUS_LICENSE_KEY, or in the file that CHORUS_LICENSE_KEY_FILE names";

    /// Reads the arguments, without the program's name, and the license key from the environment.
    ///
    /// # Errors
    /// With what is missing or wrong.
    pub fn read(arguments: impl Iterator<Item = String>) -> Result<Self, OptionsError> {
        let mut listen = "127.0.0.1:8080".to_owned();
        let (mut authority, mut root, mut data, mut name) = (None, None, None, None);
        let mut arguments = arguments;
        while let Some(flag) = arguments.next() {
            let mut value = || {
                let missing = || OptionsError::Usage(format!("{flag} needs a value.\n{}", Self::USAGE));
                arguments.next().ok_or_else(missing)
            };
            match flag.as_str() {
                "--listen" => listen = value()?,
                "--authority" => authority = Some(value()?),
                "--root" => root = Some(value()?),
                "--data" => data = Some(value()?),
                "--name" => name = Some(value()?),
                _ => return Err(OptionsError::Usage(format!("{flag} is not known.\n{}", Self::USAGE))),
            }
        }
        let missing = |flag: &str| OptionsError::Usage(format!("{flag} is missing.\n{}", Self::USAGE));
        let address =
            |_| OptionsError::Usage(format!("--listen is an address like 127.0.0.1:8080, not {listen}."));
        Ok(Self {
            listen: listen.parse().map_err(address)?,
            authority: authority.ok_or_else(|| missing("--authority"))?,
            root: root.ok_or_else(|| missing("--root"))?,
            data: data.ok_or_else(|| missing("--data"))?.into(),
            name: name.unwrap_or_else(|| "cluster".to_owned()),
            license_key: LicenseKey::from_env("CHORUS_LICENSE_KEY")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_named() {
        for (line, named) in [
            ("", "--authority is missing"),
            ("--authority", "--authority needs a value"),
            ("--verbose", "--verbose is not known"),
            ("--authority x --root y --data z --listen here", "--listen is an address"),
        ] {
            let error = Options::read(line.split_whitespace().map(str::to_owned)).unwrap_err().to_string();
            assert!(error.contains(named), "{line}: {error}");
        }
    }
}
