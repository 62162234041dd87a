use std::{net::SocketAddr, path::PathBuf};

use kaching_client::{LicenseKey, LicenseKeyError};

/// The options of the service.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The license authority.
    pub authority: String,
    /// The authority's root key; a product has it compiled in.
    pub root: String,
    /// The directory of its license state.
    pub data: PathBuf,
    /// The domain that it serves, which is what its license is bound to.
    pub domain: String,
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
    pub const USAGE: &str = "notes --authority URL --root kaching-root:… --data DIR --domain NAME [--listen 127.0.0.1:8081]\n\
        with the license key in NOTES_LICENSE_KEY, or in the file that NOTES_LICENSE_KEY_FILE names";

    /// Reads the arguments, without the program's name, and the license key from the environment.
    ///
    /// # Errors
    /// With what is missing or wrong.
    pub fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, OptionsError> {
        let usage = |wrong: String| OptionsError::Usage(format!("{wrong}\n{}", Self::USAGE));
        let mut listen = "127.0.0.1:8081".to_owned();
        let (mut authority, mut root, mut data, mut domain) = (None, None, None, None);
        while let Some(flag) = arguments.next() {
            let value = arguments.next().ok_or_else(|| usage(format!("{flag} needs a value.")));
            match flag.as_str() {
                "--listen" => listen = value?,
                "--authority" => authority = Some(value?),
                "--root" => root = Some(value?),
                "--data" => data = Some(value?),
                "--domain" => domain = Some(value?),
                _ => return Err(usage(format!("{flag} is not known."))),
            }
        }
        let missing = |flag: &str| usage(format!("{flag} is missing."));
        let address = |_| usage(format!("--listen is an address like 127.0.0.1:8081, not {listen}."));
        Ok(Self {
            listen: listen.parse().map_err(address)?,
            authority: authority.ok_or_else(|| missing("--authority"))?,
            root: root.ok_or_else(|| missing("--root"))?,
            data: data.ok_or_else(|| missing("--data"))?.into(),
            domain: domain.ok_or_else(|| missing("--domain"))?,
            license_key: LicenseKey::from_env("NOTES_LICENSE_KEY")?,
        })
    }
}
