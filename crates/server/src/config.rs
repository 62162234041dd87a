//! Settings: the defaults, then the file, then the environment.

mod log_filter;
mod overlay;

use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use kaching_authority::{DailyLimits, Retention, backup::Schedule};
use kaching_base::{Seconds, Secret, host_of, in_plain_words};
use serde::{Deserialize, Deserializer, Serialize};

pub use self::log_filter::LogFilter;
use crate::peer::Network;

/// Every setting with its default and its documentation, as `config show` prints it.
pub const DEFAULTS: &str = include_str!("config.default.toml");

/// The settings of an authority.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct Config {
    /// Addresses, TLS and time limits.
    pub server: ServerSettings,
    /// Places of the data.
    pub database: DatabaseSettings,
    /// Keys and passphrases that seal secrets.
    pub keys: KeySettings,
    /// Limits.
    pub limits: LimitSettings,
    /// Times after which data is removed.
    pub retention: RetentionSettings,
    /// Backups on a schedule.
    pub backup: BackupSettings,
    /// The log.
    pub log: LogSettings,
}

/// `[server]`: how the authority is reached.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct ServerSettings {
    /// The address for products.
    #[cfg_attr(test, schema(value_type = String))]
    pub listen: SocketAddr,
    /// The address for operators and metrics.
    #[serde(deserialize_with = "unset")]
    #[cfg_attr(test, schema(value_type = String))]
    pub admin_listen: Option<SocketAddr>,
    /// The issuer of statements, and the base of links.
    #[serde(deserialize_with = "unset")]
    #[cfg_attr(test, schema(value_type = String))]
    pub public_url: Option<PublicUrl>,
    /// The proxies whose `X-Forwarded-For` is believed.
    #[cfg_attr(test, schema(value_type = Vec<String>))]
    pub trusted_proxies: Vec<Network>,
    /// Certificate chain, PEM.
    #[serde(deserialize_with = "unset")]
    #[cfg_attr(test, schema(value_type = String))]
    pub tls_cert: Option<PathBuf>,
    /// Private key, PEM.
    #[serde(deserialize_with = "unset")]
    #[cfg_attr(test, schema(value_type = String))]
    pub tls_key: Option<PathBuf>,
    /// Seconds that a request may take.
    pub request_timeout_s: u32,
    /// Seconds that a client may take to send its headers, and again its body.
    pub body_timeout_s: u32,
    /// Seconds from `/ready` answering 503 to the stop, where servers share a database.
    pub leave_s: u32,
    /// Seconds that a stop waits for running requests.
    pub shutdown_timeout_s: u32,
    /// The most open connections.
    pub max_connections: u32,
}

/// `[database]`: where the authority keeps things.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct DatabaseSettings {
    /// `postgres://…`; not set is SQLite in the data directory.
    #[serde(deserialize_with = "secret")]
    #[cfg_attr(test, schema(value_type = String))]
    pub url: Option<Secret<String>>,
}

/// `[keys]`: what the authority seals with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct KeySettings {
    /// The master key; not set is `master.key` of the data directory.
    #[serde(deserialize_with = "secret")]
    #[cfg_attr(test, schema(value_type = String))]
    pub master: Option<Secret<String>>,
    /// The passphrase that seals the root key.
    #[serde(deserialize_with = "secret")]
    #[cfg_attr(test, schema(value_type = String))]
    pub root_passphrase: Option<Secret<String>>,
}

/// `[limits]`: how much the authority takes.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct LimitSettings {
    /// Failures a minute from one address.
    pub failures_per_minute: u32,
    /// The burst of calls with the credential of one activation.
    pub activation_burst: u32,
    /// Calls a second with the credential of one activation; 0 is no limit.
    pub activation_per_second: u32,
    /// The burst of outdated heartbeats from one address: answered before, and followed by others.
    pub outdated_burst: u32,
    /// Heartbeats a second from one address that were answered before and followed by others; 0 is no limit.
    pub outdated_per_second: u32,
    /// The burst of calls with the keys of one license, in addition to two for each of its slots.
    pub license_burst: u32,
    /// Calls a second with the keys of one license; 0 is no limit.
    pub license_per_second: u32,
    /// The burst of validations with the keys of one license.
    pub validations_burst: u32,
    /// Validations a second with the keys of one license; 0 is no limit.
    pub validations_per_second: u32,
    /// The burst of new installations of a license with fewer slots.
    pub new_fingerprints_burst: u32,
    /// Installations an hour that one license admits and never had, once it has admitted one for each slot; 0 is no limit.
    pub new_fingerprints_per_hour: u32,
    /// The number of slots that is assumed for a license without a limit.
    pub unlimited_slots: u32,
    /// The burst of long polls and streams with the leases of one activation; of one license, in addition to two for each
    /// of its slots.
    pub changes_burst: u32,
    /// Long polls and streams a second with the leases of one activation; of one license, in addition to one for each
    /// ten of its slots; 0 is no limit.
    pub changes_per_second: u32,
    /// The burst of long polls and streams from one address.
    pub address_changes_burst: u32,
    /// Long polls and streams a second from one address; 0 is no limit.
    pub address_changes_per_second: u32,
    /// The percentage of the slots for streams and long polls that one license, or one address, may have.
    pub places_percent: u32,
    /// The burst of calls with one API token.
    pub token_burst: u32,
    /// Calls a second with one API token; 0 is no limit.
    pub token_per_second: u32,
    /// Reports a day that are stored for a license, for each installation that is active; 0 is no limit.
    pub reports_per_day: u32,
    /// Increments of counters a day that are stored for a license, for each installation that is active; 0 is no limit.
    pub usage_per_day: u32,
    /// Activations a day with the key of a license, for each installation that is active; 0 is no limit.
    pub activations_per_day: u32,
    /// Audit entries a day of what a license's products were refused, for each installation that is active; 0 is no limit.
    pub audit_per_day: u32,
    /// The most calls with a credential that are served concurrently.
    pub heartbeats_at_once: u32,
    /// The most calls with a key or a lease that are served concurrently.
    pub keys_at_once: u32,
    /// The most calls with an API token that are served concurrently.
    pub operators_at_once: u32,
    /// Calls of each kind that may wait for a place.
    pub most_waiting: u32,
    /// Milliseconds that they may wait.
    pub longest_wait_ms: u32,
    /// Heartbeats a second above which clients are asked to send fewer; 0 is when some could not be served in time.
    pub max_heartbeats_per_second: u32,
}

/// `[retention]`: how long the authority keeps what grows.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct RetentionSettings {
    /// Days that audit entries are kept; 0 is for ever.
    pub audit_days: u32,
    /// Days that the personal part of audit entries is kept; 0 is for ever.
    pub audit_personal_days: u32,
    /// Days that increments of counters are kept; 0 is for ever.
    pub usage_days: u32,
    /// Days that installations that hold no slot are kept, and displaced credentials; 0 is for ever.
    pub installation_days: u32,
}

/// `[backup]`: backups on a schedule.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct BackupSettings {
    /// The directory of backups; there are none if it is not set.
    #[serde(deserialize_with = "unset")]
    #[cfg_attr(test, schema(value_type = String))]
    pub directory: Option<PathBuf>,
    /// Hours from one to the next.
    pub every_h: u32,
    /// The number of backups that are kept.
    pub keep: u32,
}

/// `[log]`: the messages of the authority.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub struct LogSettings {
    /// A level, or a filter of tracing-subscriber.
    #[cfg_attr(test, schema(value_type = String))]
    pub level: LogFilter,
    /// `text` or `json`.
    pub format: LogFormat,
    /// The collector of traces; there are none if it is not set.
    #[serde(deserialize_with = "unset")]
    #[cfg_attr(test, schema(value_type = String))]
    pub otlp: Option<PublicUrl>,
}

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(test, derive(utoipa::ToSchema))]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// `http(s)://host[:port][/path]` without a slash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicUrl(String);

/// A setting that makes no sense: one sentence with its name.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl Config {
    /// Reads the settings from the text of `config.toml` (empty if there is none) and the variables of the
    /// environment, of which those named `KACHING_SECTION__KEY` count. `read` reads the file that a `…_FILE` names.
    ///
    /// # Errors
    /// If a setting is unknown or invalid.
    pub fn read(
        file: &str,
        environment: &BTreeMap<String, String>,
        read: impl Fn(&str) -> std::io::Result<String>,
    ) -> Result<Self, ConfigError> {
        let defaults: toml::Table = DEFAULTS.parse().expect("our own defaults are TOML");
        let mut settings = defaults.clone();
        let table: toml::Table =
            file.parse().map_err(|e: toml::de::Error| ConfigError(unreadable(file, &e)))?;
        overlay::file(&mut settings, table)?;
        overlay::environment(&mut settings, environment, read)?;
        let config: Self =
            serde_path_to_error::deserialize(settings).map_err(|e| ConfigError(senseless(&e)))?;
        config.check()?;
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        if self.server.tls_cert.is_some() != self.server.tls_key.is_some() {
            return Err(ConfigError(
                "server.tls_cert and server.tls_key go together: set both or none".to_owned(),
            ));
        }
        let positive = [
            ("server.request_timeout_s", self.server.request_timeout_s),
            ("server.body_timeout_s", self.server.body_timeout_s),
            ("server.max_connections", self.server.max_connections),
            ("limits.failures_per_minute", self.limits.failures_per_minute),
            ("limits.activation_burst", self.limits.activation_burst),
            ("limits.outdated_burst", self.limits.outdated_burst),
            ("limits.license_burst", self.limits.license_burst),
            ("limits.validations_burst", self.limits.validations_burst),
            ("limits.changes_burst", self.limits.changes_burst),
            ("limits.address_changes_burst", self.limits.address_changes_burst),
            ("limits.places_percent", self.limits.places_percent),
            ("limits.new_fingerprints_burst", self.limits.new_fingerprints_burst),
            ("limits.unlimited_slots", self.limits.unlimited_slots),
            ("limits.token_burst", self.limits.token_burst),
            ("limits.heartbeats_at_once", self.limits.heartbeats_at_once),
            ("limits.keys_at_once", self.limits.keys_at_once),
            ("limits.operators_at_once", self.limits.operators_at_once),
            ("backup.every_h", self.backup.every_h),
            ("backup.keep", self.backup.keep),
        ];
        if self.limits.places_percent > 100 {
            return Err(ConfigError("limits.places_percent is at most 100".to_owned()));
        }
        match positive.iter().find(|(_, value)| *value == 0) {
            Some((name, _)) => Err(ConfigError(format!("{name} is at least 1"))),
            None => Ok(()),
        }
    }

    /// Whether the product API is served over TLS.
    pub fn tls(&self) -> bool {
        self.server.tls_cert.is_some()
    }

    /// Returns a sentence for each doubtful setting; `product` is the bound address.
    pub fn doubts(&self, product: SocketAddr) -> Vec<&'static str> {
        let ip = product.ip();
        let unreachable = ip.is_unspecified() || !(ip.is_loopback() || self.tls());
        let mut doubts = Vec::new();
        if self.server.public_url.is_none() && unreachable {
            doubts.push(
                "products on other machines cannot use the address of server.listen as it is: set server.public_url to \
                 the https:// address by which they reach this authority",
            );
        }
        if self.server.public_url.is_none() && self.database.url.is_some() {
            doubts.push(
                "servers that share a database need one server.public_url: without it, links name the address on which this \
                 server listens",
            );
        }
        if self.keys.root_passphrase.is_none() {
            doubts.push(
                "keys.root_passphrase is not set: anyone with a copy of the root key can sign for this authority",
            );
        }
        doubts
    }

    /// Returns the address for operators, if it is not `listen`.
    pub fn private_address(&self) -> Option<SocketAddr> {
        let ServerSettings { listen, admin_listen, .. } = self.server;
        match admin_listen {
            Some(address) if address == listen => None,
            Some(address) => Some(address),
            None if listen.ip().is_loopback() => None,
            None => Some(SocketAddr::from(([127, 0, 0, 1], 7701))),
        }
    }

    /// The public URL, where `listen` is the address that was bound.
    pub fn issuer(&self, listen: SocketAddr) -> PublicUrl {
        let scheme = if self.tls() { "https" } else { "http" };
        self.server.public_url.clone().unwrap_or_else(|| PublicUrl(format!("{scheme}://{listen}")))
    }
}

impl LimitSettings {
    /// Returns the maximum that is stored for a license in a day.
    pub fn daily(&self) -> DailyLimits {
        DailyLimits {
            reports: self.reports_per_day,
            usage: self.usage_per_day,
            activations: self.activations_per_day,
            audit: self.audit_per_day,
        }
    }
}

impl BackupSettings {
    /// The schedule, if backups are made.
    pub fn schedule(&self) -> Option<Schedule> {
        self.directory.as_ref().map(|directory| Schedule {
            directory: directory.clone(),
            every: Seconds(i64::from(self.every_h) * 3600),
            keep: usize::try_from(self.keep).unwrap_or(usize::MAX),
        })
    }
}

impl RetentionSettings {
    /// Returns the times for which rows are kept.
    pub fn times(&self) -> Retention {
        let days = |days: u32| (days > 0).then(|| Seconds::days(days.into()));
        Retention {
            audit: days(self.audit_days),
            personal: days(self.audit_personal_days),
            usage: days(self.usage_days),
            installations: days(self.installation_days),
        }
    }
}

impl PublicUrl {
    /// The URL itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is reached only from this machine.
    pub fn is_loopback(&self) -> bool {
        let host = host_of(&self.0);
        host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    }

    /// The path between the host and our own paths: empty, or `/path`.
    pub fn path(&self) -> &str {
        let rest = self.0.split_once("://").map_or("", |(_, rest)| rest);
        rest.find('/').map_or("", |at| &rest[at..])
    }
}

impl std::str::FromStr for PublicUrl {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let text = text.trim_end_matches('/');
        let uri: axum::http::Uri = text.parse().map_err(|_| malformed_url(text))?;
        let scheme = matches!(uri.scheme_str(), Some("http" | "https"));
        if !scheme
            || uri.host().is_none_or(str::is_empty)
            || uri.query().is_some()
            || text.contains(['#', '@'])
        {
            return Err(malformed_url(text));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Returns the error of a file that is not TOML, without its text, which may contain a secret.
fn unreadable(file: &str, error: &toml::de::Error) -> String {
    let before = error.span().and_then(|span| file.get(..span.start)).unwrap_or("");
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    format!("the settings cannot be read: line {line}, column {column}: {}", error.message())
}

/// A setting that is not valid. The message never holds the value of a secret.
fn senseless(error: &serde_path_to_error::Error<toml::de::Error>) -> String {
    let name = error.path().to_string();
    if overlay::is_secret(&name) {
        return format!("the setting {name} makes no sense: it is a text, in quotes");
    }
    format!("the setting {name} makes no sense: {}", in_plain_words(error.inner().message()))
}

fn malformed_url(text: &str) -> ConfigError {
    ConfigError(format!("'{text}' is not a URL like https://licenses.example.com"))
}

impl<'de> Deserialize<'de> for PublicUrl {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

/// An empty text is a setting that is not set.
fn unset<'de, D: Deserializer<'de>, T: Deserialize<'de>>(d: D) -> Result<Option<T>, D::Error> {
    let text = String::deserialize(d)?;
    if text.is_empty() {
        return Ok(None);
    }
    T::deserialize(serde::de::value::StringDeserializer::new(text)).map(Some)
}

fn secret<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Secret<String>>, D::Error> {
    let text = String::deserialize(d)?;
    Ok((!text.is_empty()).then(|| Secret::new(text)))
}

#[cfg(test)]
mod tests;
