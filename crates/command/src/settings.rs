//! The settings: the file of the data directory, overridden by the environment.

use std::{collections::BTreeMap, fs, io, path::Path};

use kaching_base::decode_text;
use kaching_server::config::Config;

use crate::{data_dir::DataDir, failure::Failure, log};

/// Returns the settings of the environment.
pub fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("KACHING_") || name == log::OTLP)
        .collect()
}

/// Returns the text of `config.toml`, empty if there is none.
pub fn file(data: &DataDir) -> Result<String, Failure> {
    let path = data.join("config.toml");
    match read_text(&path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Failure::refused(format!("{} cannot be read: {error}.", path.display()))),
    }
}

/// Returns the text of a file in UTF-8 or UTF-16, as editors save it.
pub fn read_text(path: impl AsRef<Path>) -> io::Result<String> {
    let no_text = || io::Error::new(io::ErrorKind::InvalidData, "it is neither in UTF-8 nor in UTF-16");
    decode_text(&fs::read(path)?).ok_or_else(no_text)
}

/// Returns the settings of a data directory.
pub fn read(data: &DataDir, environment: &BTreeMap<String, String>) -> Result<Config, Failure> {
    Config::read(&file(data)?, environment, |path| read_text(path)).map_err(Failure::from_error)
}

/// Returns the address of a database: the argument itself, or the contents of the file that `@FILE` names.
pub fn named_or_in_file(flag: &str, text: &str) -> Result<String, Failure> {
    let Some(path) = text.strip_prefix('@') else { return Ok(text.to_owned()) };
    let read = read_text(path)
        .map_err(|error| Failure::usage(format!("{path}, named by {flag}, cannot be read: {error}.")))?;
    Ok(read.trim().to_owned())
}

/// Returns a warning if others can read the password of a database: in the list of processes, or in its file.
pub fn exposed_database(flag: &str, text: &str) -> Option<String> {
    if let Some(path) = text.strip_prefix('@') {
        let others = kaching_server::others_can_read(path.as_ref()).unwrap_or(false);
        return others.then(|| {
            format!("Others can read {path}, which {flag} names: close it with `chmod 600 {path}`.")
        });
    }
    let user = text.split_once("://").and_then(|(_, rest)| rest.split('/').next()?.split_once('@'));
    let set = text.split_whitespace().collect::<String>().contains("password=");
    (set || user.is_some_and(|(user, _)| user.contains(':'))).then(|| {
        format!(
            "Everybody on this machine can read the password in {flag} in the list of processes: write the address into a \
             file that only you can read, and say {flag} @FILE."
        )
    })
}

/// Returns a warning for each file of a secret that the environment names and others can read.
pub fn exposed(environment: &BTreeMap<String, String>) -> Vec<String> {
    environment
        .iter()
        .filter(|(name, _)| name.ends_with("_FILE"))
        .filter(|(_, path)| kaching_server::others_can_read(path.as_ref()).unwrap_or(false))
        .map(|(name, path)| {
            format!("Others can read {path}, which {name} names: close it with `chmod 600 {path}`.")
        })
        .collect()
}
