//! The settings in force: the file of the data directory under the environment.

use std::{collections::BTreeMap, fs, io, path::Path};

use kaching_base::decode_text;
use kaching_server::config::Config;

use crate::{data::DataDir, failure::Failure, log, output::spoken};

/// What the environment says, read once.
pub(crate) fn environment() -> BTreeMap<String, String> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with("KACHING_") || name == log::OTLP)
        .collect()
}

/// The text of `config.toml`; empty if there is none.
pub(crate) fn file(data: &DataDir) -> Result<String, Failure> {
    let path = data.join("config.toml");
    match read_text(&path) {
        Ok(text) => Ok(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(Failure::refused(format!("{} cannot be read: {error}.", path.display()))),
    }
}

/// Returns the text of a file that a person wrote, whatever the editor saved it as.
pub(crate) fn read_text(path: impl AsRef<Path>) -> io::Result<String> {
    let no_text = || io::Error::new(io::ErrorKind::InvalidData, "it is neither in UTF-8 nor in UTF-16");
    decode_text(&fs::read(path)?).ok_or_else(no_text)
}

/// The settings of a data directory.
pub(crate) fn read(data: &DataDir, environment: &BTreeMap<String, String>) -> Result<Config, Failure> {
    Config::read(&file(data)?, environment, |path| read_text(path))
        .map_err(|error| sentence(&error.to_string()))
}

/// The address of a database, as an argument says it or as the file holds it that the argument names.
pub(crate) fn named_or_in_file(flag: &str, text: &str) -> Result<String, Failure> {
    let Some(path) = text.strip_prefix('@') else { return Ok(text.to_owned()) };
    let read = read_text(path)
        .map_err(|error| Failure::usage(format!("{path}, named by {flag}, cannot be read: {error}.")))?;
    Ok(read.trim().to_owned())
}

/// What is unwise about such an argument: everybody on this machine can read what stands in it.
pub(crate) fn exposed_database(flag: &str, text: &str) -> Option<String> {
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

/// What a library says, as a failure.
pub(crate) fn sentence(text: &str) -> Failure {
    Failure::Refused(spoken(text))
}

/// What the environment names as a secret's file, and others can read: a warning each.
pub(crate) fn exposed(environment: &BTreeMap<String, String>) -> Vec<String> {
    environment
        .iter()
        .filter(|(name, _)| name.ends_with("_FILE"))
        .filter(|(_, path)| kaching_server::others_can_read(path.as_ref()).unwrap_or(false))
        .map(|(name, path)| {
            format!("Others can read {path}, which {name} names: close it with `chmod 600 {path}`.")
        })
        .collect()
}
