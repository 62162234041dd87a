//! The settings in force, without their secrets.

use kaching_server::config::{Config, LogFormat};
use serde_json::{Value, json};

/// The text in place of a secret.
const HIDDEN: &str = "(hidden)";

/// Every setting with its value, as in `config.toml`.
pub(super) fn effective(config: &Config) -> Value {
    let Config { server, database, keys, limits, retention, backup, log } = config;
    let hidden = |set: bool| if set { HIDDEN } else { "" };
    let text = |value: Option<String>| value.unwrap_or_default();
    json!({
        "server": {
            "listen": server.listen,
            "admin_listen": text(server.admin_listen.map(|address| address.to_string())),
            "public_url": text(server.public_url.as_ref().map(|url| url.as_str().to_owned())),
            "trusted_proxies": server.trusted_proxies,
            "tls_cert": text(server.tls_cert.as_ref().map(|path| path.display().to_string())),
            "tls_key": text(server.tls_key.as_ref().map(|path| path.display().to_string())),
            "request_timeout_s": server.request_timeout_s,
            "body_timeout_s": server.body_timeout_s,
            "leave_s": server.leave_s,
            "shutdown_timeout_s": server.shutdown_timeout_s,
            "max_connections": server.max_connections,
        },
        "database": { "url": hidden(database.url.is_some()) },
        "keys": {
            "master": hidden(keys.master.is_some()),
            "root_passphrase": hidden(keys.root_passphrase.is_some()),
        },
        "limits": limits,
        "retention": retention,
        "backup": {
            "directory": text(backup.directory.as_ref().map(|path| path.display().to_string())),
            "every_h": backup.every_h,
            "keep": backup.keep,
        },
        "log": {
            "level": log.level.as_str(),
            "format": match log.format { LogFormat::Text => "text", LogFormat::Json => "json" },
            "otlp": text(log.otlp.as_ref().map(|url| url.as_str().to_owned())),
        },
    })
}

/// As TOML: texts, numbers and lists of texts are written there as in JSON.
pub(super) fn toml(settings: &Value) -> String {
    let mut text = String::new();
    for (section, keys) in settings.as_object().into_iter().flatten() {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!("[{section}]\n"));
        for (key, value) in keys.as_object().into_iter().flatten() {
            text.push_str(&format!("{key} = {value}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn shows_every_setting_and_no_secret() {
        let secret = "postgres://kaching:hunter2@db/kaching";
        let environment = BTreeMap::from([("KACHING_DATABASE__URL".to_owned(), secret.to_owned())]);
        let config = Config::read("", &environment, |path| std::fs::read_to_string(path)).unwrap();
        let shown = toml(&effective(&config));
        assert!(!shown.contains("hunter2"), "{shown}");
        let key = |line: &str| line.split_once(" = ").map(|(key, _)| key.to_owned());
        let defaults: Vec<_> = kaching_server::config::DEFAULTS
            .lines()
            .filter(|line| !line.starts_with('#'))
            .filter_map(key)
            .collect();
        let ours: Vec<_> = shown.lines().filter_map(key).collect();
        assert_eq!(ours, defaults, "in the order of the defaults");
    }
}
