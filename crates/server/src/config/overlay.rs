//! The settings that override the defaults: the file, then the environment.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::ConfigError;

/// The settings that also come from a file, named by `…_FILE`.
const SECRETS: [(&str, &str); 3] = [("database", "url"), ("keys", "master"), ("keys", "root_passphrase")];

pub(super) fn file(settings: &mut Table, file: Table) -> Result<(), ConfigError> {
    for (section, keys) in file {
        let Value::Table(keys) = keys else {
            return Err(ConfigError(format!("'{section}' is outside of a section such as [server]")));
        };
        for (key, value) in keys {
            *known(settings, &section, &key)? = value;
        }
    }
    Ok(())
}

pub(super) fn environment(
    settings: &mut Table,
    environment: &BTreeMap<String, String>,
    read: impl Fn(&str) -> std::io::Result<String>,
) -> Result<(), ConfigError> {
    for (name, value) in environment {
        let Some(rest) = name.strip_prefix("KACHING_") else { continue };
        let Some((section, key)) = rest.split_once("__") else {
            // Others are not ours: KACHING_DATA is the command line's, KACHING_PORT may be an orchestrator's.
            if let Some(meant) = meant(settings, rest) {
                return Err(ConfigError(format!("{name} is no setting: with two underscores it is {meant}")));
            }
            continue;
        };
        let (section, key) = (section.to_lowercase(), key.to_lowercase());
        let from_file = key.strip_suffix("_file").filter(|key| SECRETS.contains(&(section.as_str(), key)));
        if let Some(key) = from_file {
            if environment.contains_key(name.trim_end_matches("_FILE")) {
                return Err(ConfigError(format!(
                    "{name} and the variable without _FILE are both set; keep one"
                )));
            }
            let text = read(value)
                .map_err(|e| ConfigError(format!("{name} names {value}, which cannot be read: {e}")))?;
            *known(settings, &section, key)? = Value::String(text.trim_end_matches(['\r', '\n']).to_owned());
        } else {
            let setting = known(settings, &section, &key)?;
            *setting = typed(name, value, setting)?;
        }
    }
    Ok(())
}

/// Returns whether a setting is secret, so that no message may show it.
pub(super) fn is_secret(name: &str) -> bool {
    SECRETS.iter().any(|(section, key)| name.strip_prefix(section) == Some(&format!(".{key}")))
}

/// The variable of the setting that was written with one underscore for two.
fn meant(settings: &Table, rest: &str) -> Option<String> {
    let rest = rest.to_lowercase();
    let (section, key) = settings.iter().find_map(|(section, keys)| {
        let key = rest.strip_prefix(section.as_str())?.strip_prefix('_')?;
        let name = key.strip_suffix("_file").filter(|key| SECRETS.contains(&(section, key))).unwrap_or(key);
        keys.get(name).map(|_| (section, key))
    })?;
    Some(format!("KACHING_{}__{}", section.to_uppercase(), key.to_uppercase()))
}

fn known<'t>(settings: &'t mut Table, section: &str, key: &str) -> Result<&'t mut Value, ConfigError> {
    let sections: Vec<_> = settings.keys().cloned().collect();
    let Some(Value::Table(keys)) = settings.get_mut(section) else {
        let known = sections.join(", ");
        return Err(ConfigError(format!("there is no section '{section}' of settings; there are {known}")));
    };
    let names = keys.keys().cloned().collect::<Vec<_>>().join(", ");
    keys.get_mut(key)
        .ok_or_else(|| ConfigError(format!("there is no setting '{section}.{key}'; [{section}] has {names}")))
}

/// Reads a variable as what the setting's default is; lists are separated by commas.
fn typed(name: &str, text: &str, default: &Value) -> Result<Value, ConfigError> {
    Ok(match default {
        Value::Integer(_) => Value::Integer(
            text.parse().map_err(|_| ConfigError(format!("{name} is a whole number, not '{text}'")))?,
        ),
        Value::Array(_) => Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|t| !t.is_empty())
                .map(|t| Value::String(t.to_owned()))
                .collect(),
        ),
        _ => Value::String(text.to_owned()),
    })
}
