//! The address of a server, or of several of which one takes writes: libpq's URL or list of settings.

use std::{borrow::Cow, net::IpAddr, time::Duration};

use postgres::config::{Host, SslMode};

use super::tls::{Tls, Verify};
use crate::{Error, Result};

/// One server of an address.
#[derive(Clone)]
pub(super) struct HostPort {
    /// For messages: never more than a host's name and port, or a folder.
    pub(super) name: String,
    pub(super) config: postgres::Config,
    pub(super) tls: Tls,
}

/// Settings that the driver does not know, or handles less strictly than libpq.
#[derive(Default)]
struct Ours {
    sslmode: Option<String>,
    sslrootcert: Option<String>,
    target: Option<String>,
}

/// The time after which the next of several servers is tried.
const ONE_OF_SEVERAL: Duration = Duration::from_secs(2);

/// Every server of an address, in its order. A connection waits at most `patience` for an answer.
pub(super) fn parse(text: &str, patience: Duration) -> Result<Vec<HostPort>> {
    let (rest, ours) = split(text).ok_or_else(malformed)?;
    let all: postgres::Config = rest.parse().map_err(|error: postgres::Error| refused(&error))?;
    ours.check_target()?;
    let (hosts, numbers, ports) = (all.get_hosts(), all.get_hostaddrs(), all.get_ports());
    let count = hosts.len().max(numbers.len());
    let fits = |length: usize, least: usize| length == count || length <= least;
    if count == 0 || !fits(hosts.len(), 0) || !fits(numbers.len(), 0) || !fits(ports.len(), 1) {
        return Err(malformed());
    }
    let wait = if count > 1 { ONE_OF_SEVERAL.min(patience) } else { patience };
    (0..count)
        .map(|at| {
            let (host, number) = (hosts.get(at), numbers.get(at).copied());
            let port = ports.get(at).or(ports.first()).copied().unwrap_or(5432);
            let tls = ours.tls(host, number)?;
            let mut config = common(&all);
            config
                .port(port)
                .ssl_mode(tls.mode)
                .connect_timeout(all.get_connect_timeout().copied().unwrap_or(wait))
                // A server that disappears silently is noticed soon.
                .tcp_user_timeout(patience)
                .keepalives_idle(Duration::from_secs(10))
                .keepalives_interval(Duration::from_secs(3))
                .keepalives_retries(3);
            let name = match (host, number) {
                (Some(Host::Tcp(host)), _) => format!("{host}:{port}"),
                (Some(Host::Unix(folder)), _) => folder.display().to_string(),
                (None, Some(number)) => format!("{number}:{port}"),
                (None, None) => return Err(malformed()),
            };
            match host {
                Some(Host::Tcp(host)) => drop(config.host(host)),
                Some(Host::Unix(folder)) => drop(config.host_path(folder)),
                None => {}
            }
            if let Some(number) = number {
                config.hostaddr(number);
            }
            Ok(HostPort { name, config, tls })
        })
        .collect()
}

/// The settings that all servers of an address share.
fn common(all: &postgres::Config) -> postgres::Config {
    let mut config = postgres::Config::new();
    config.application_name(all.get_application_name().unwrap_or("kaching"));
    config.ssl_negotiation(all.get_ssl_negotiation()).channel_binding(all.get_channel_binding());
    if let Some(user) = all.get_user() {
        config.user(user);
    }
    if let Some(password) = all.get_password() {
        config.password(password);
    }
    if let Some(name) = all.get_dbname() {
        config.dbname(name);
    }
    if let Some(options) = all.get_options() {
        config.options(options);
    }
    config
}

impl Ours {
    /// Follows libpq's meaning, except for the default: what leaves this machine is encrypted, and the server's
    /// certificate is verified, unless the address says otherwise.
    fn tls(&self, host: Option<&Host>, number: Option<IpAddr>) -> Result<Tls> {
        let own = self.sslrootcert.as_deref().filter(|file| *file != "system");
        let (mode, verify) = match (self.sslmode.as_deref(), host) {
            // Traffic on a Unix socket never leaves this machine.
            (_, Some(Host::Unix(_))) | (Some("disable"), _) => (SslMode::Disable, Verify::Nothing),
            (Some("prefer"), _) if self.sslrootcert.is_none() => (SslMode::Prefer, Verify::Nothing),
            (Some("prefer"), _) => {
                return Err(Error::Unavailable(
                    "sslmode=prefer verifies nothing, so sslrootcert would not count: say sslmode=verify-full"
                        .to_owned(),
                ));
            }
            (Some("require"), _) if self.sslrootcert.is_none() => (SslMode::Require, Verify::Nothing),
            // As libpq has it, for those who name an authority and mean it.
            (Some("require"), _) if own.is_some() => (SslMode::Require, Verify::Chain),
            (Some("verify-ca"), _) => (SslMode::Require, Verify::Chain),
            (Some("verify-full" | "require"), _) => (SslMode::Require, Verify::Full),
            (Some(_), _) => {
                return Err(Error::Unavailable(
                    "sslmode in its address is disable, prefer, require, verify-ca or verify-full".to_owned(),
                ));
            }
            (None, host) if self.sslrootcert.is_none() && is_here(host, number) => {
                (SslMode::Prefer, Verify::Nothing)
            }
            (None, _) => (SslMode::Require, Verify::Full),
        };
        Tls::new(mode, verify, own)
    }

    fn check_target(&self) -> Result<()> {
        match self.target.as_deref() {
            None | Some("any" | "read-write" | "primary") => Ok(()),
            Some(_) => Err(Error::Unavailable(
                "target_session_attrs in its address is read-write: nothing is decided on a read replica"
                    .to_owned(),
            )),
        }
    }
}

fn is_here(host: Option<&Host>, number: Option<IpAddr>) -> bool {
    match (number, host) {
        (Some(number), _) => number.is_loopback(),
        (None, Some(Host::Tcp(host))) => {
            host == "localhost" || host.parse().is_ok_and(|number: IpAddr| number.is_loopback())
        }
        (None, _) => true,
    }
}

/// Takes ours out of the address.
fn split(text: &str) -> Option<(String, Ours)> {
    let mut ours = Ours::default();
    let mut take = |key: &str, value: &str| {
        let field = match key {
            "sslmode" => &mut ours.sslmode,
            "sslrootcert" => &mut ours.sslrootcert,
            "target_session_attrs" => &mut ours.target,
            _ => return false,
        };
        *field = Some(value.to_owned());
        true
    };
    let rest = if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        let (base, settings) = text.split_once('?').unwrap_or((text, ""));
        let mut kept = Vec::new();
        for setting in settings.split('&').filter(|setting| !setting.is_empty()) {
            let (key, value) = setting.split_once('=')?;
            if !take(key, &decoded(value)?) {
                kept.push(setting);
            }
        }
        if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) }
    } else {
        let mut kept = String::new();
        for (written, key, value) in settings(text)? {
            if !take(key, &value) {
                kept.push_str(written);
                kept.push(' ');
            }
        }
        kept
    };
    Some((rest, ours))
}

/// `key=value key='another value'`: each as it is written, its key, its value.
fn settings(mut text: &str) -> Option<Vec<(&str, &str, Cow<'_, str>)>> {
    let mut found = Vec::new();
    loop {
        text = text.trim_start();
        if text.is_empty() {
            return Some(found);
        }
        let (key, value) = text.split_once('=')?;
        let value = value.trim_start();
        let quoted = value.starts_with('\'');
        let mut end = None;
        let (mut meant, mut escaped) = (String::new(), false);
        for (at, c) in value.char_indices().skip(usize::from(quoted)) {
            match c {
                c if escaped => (meant.push(c), escaped = false).0,
                '\\' => escaped = true,
                '\'' if quoted => {
                    end = Some(at + 1);
                    break;
                }
                c if c.is_whitespace() && !quoted => {
                    end = Some(at);
                    break;
                }
                c => meant.push(c),
            }
        }
        let end = end.or((!quoted).then_some(value.len()))?;
        let written = text.len() - value.len() + end;
        found.push((&text[..written], key.trim_end(), Cow::Owned(meant)));
        text = &text[written..];
    }
}

/// Without the `%` of URLs.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte == b'%' {
            let (digits, behind) = rest.split_at_checked(2)?;
            bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            rest = behind;
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn malformed() -> Error {
    Error::Unavailable("its address should look like postgresql://user:password@host:5432/name".to_owned())
}

/// The driver names the setting, and never tells its value.
fn refused(error: &postgres::Error) -> Error {
    use std::error::Error as _;
    let reason = error.source().map(ToString::to_string).unwrap_or_default();
    match reason.strip_prefix("unknown option ") {
        Some(setting) => {
            Error::Unavailable(format!("its address has a setting that is not known: {setting}"))
        }
        None => malformed(),
    }
}

#[cfg(test)]
mod tests;
