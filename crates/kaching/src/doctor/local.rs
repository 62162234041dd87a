//! The checks of a data directory without its authority.

use std::{fs, net::TcpListener, os::unix::net::UnixStream};

use kaching_api::{Check, CheckStatus};
use kaching_base::Timestamp;
use kaching_server::{CertificateState, check_certificate, config::Config};

use super::check;
use crate::{data_dir::DataDir, failure::Failure, remote::AuthorityTarget, settings};

/// With less free space SQLite may soon be unable to commit.
const LITTLE: u64 = 256 * 1024 * 1024;
const NONE: u64 = 32 * 1024 * 1024;

pub(super) fn checks(target: &AuthorityTarget, now: Timestamp) -> Vec<Check> {
    let data = &target.data;
    let config = settings::read(data, &target.environment);
    let mut checks = vec![directory(data), private_files(data), disk_space(data)];
    match &config {
        Ok(config) => {
            let exposed = settings::exposed(&target.environment);
            checks.push(match exposed.first() {
                None => fine("settings"),
                Some(warning) => check("settings", CheckStatus::Warn, warning),
            });
            checks.push(port(data, config));
            checks.push(issuer(config));
            checks.extend(certificate(config, now));
            checks.push(root_passphrase(config));
        }
        Err(failure) => checks.push(check("settings", CheckStatus::Fail, failure.to_string())),
    }
    checks.push(first_token(data));
    checks
}

fn fine(name: &str) -> Check {
    check(name, CheckStatus::Ok, "")
}

fn directory(data: &DataDir) -> Check {
    let path = data.path().display();
    match fs::metadata(data.path()) {
        Ok(found) if found.is_dir() => {
            let write = rustix::fs::access(data.path(), rustix::fs::Access::WRITE_OK);
            match write {
                Ok(()) => fine("data directory"),
                Err(error) => check(
                    "data directory",
                    CheckStatus::Fail,
                    format!("{path} cannot be written ({error}): give it to the user who serves."),
                ),
            }
        }
        Ok(_) => check(
            "data directory",
            CheckStatus::Fail,
            format!("{path} is not a directory: name another with --data."),
        ),
        Err(_) => check(
            "data directory",
            CheckStatus::Fail,
            format!("There is no {path}: `kaching serve` makes it."),
        ),
    }
}

fn private_files(data: &DataDir) -> Check {
    match data.open_to_others().first() {
        None => match kaching_server::check_private_files(data.path()) {
            Ok(()) => fine("private files"),
            Err(error) => check("private files", CheckStatus::Fail, Failure::from_error(error).to_string()),
        },
        Some((path, command)) => check(
            "private files",
            CheckStatus::Fail,
            format!("Others can read {}: `{command}`.", path.display()),
        ),
    }
}

fn disk_space(data: &DataDir) -> Check {
    let Ok(found) = rustix::fs::statvfs(data.path()) else { return fine("disk space") };
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let remedy = format!("{} MiB are free: make room, a full disk stops every change.", free / (1024 * 1024));
    match free {
        0..NONE => check("disk space", CheckStatus::Fail, remedy),
        NONE..LITTLE => check("disk space", CheckStatus::Warn, remedy),
        _ => fine("disk space"),
    }
}

/// Checks that the port is free, unless a server runs.
fn port(data: &DataDir, config: &Config) -> Check {
    if UnixStream::connect(data.socket()).is_ok() {
        return fine("port");
    }
    let address = config.server.listen;
    match TcpListener::bind(address) {
        Ok(_) => fine("port"),
        Err(error) => check(
            "port",
            CheckStatus::Warn,
            format!("{address} cannot be listened on ({error}): choose another with server.listen."),
        ),
    }
}

fn issuer(config: &Config) -> Check {
    let reachable = !config.server.listen.ip().is_loopback();
    if reachable && config.server.public_url.is_none() {
        let remedy = "Set server.public_url: products elsewhere need an address that stays.";
        return check("public url", CheckStatus::Warn, remedy);
    }
    fine("public url")
}

/// Checks the certificate as a server does. `None` without TLS.
fn certificate(config: &Config, now: Timestamp) -> Option<Check> {
    let (chain, key) = (config.server.tls_cert.as_ref()?, config.server.tls_key.as_ref()?);
    let name = "tls certificate";
    Some(match check_certificate(chain, key, now) {
        Ok(CertificateState::Valid) => fine(name),
        Ok(CertificateState::EndsSoon(why)) => check(name, CheckStatus::Warn, why),
        Ok(CertificateState::Invalid(why)) => check(name, CheckStatus::Fail, why),
        Err(error) => check(name, CheckStatus::Fail, Failure::from_error(error).to_string()),
    })
}

fn root_passphrase(config: &Config) -> Check {
    if config.keys.root_passphrase.is_some() {
        return fine("root passphrase");
    }
    let remedy = "The root key is sealed with an empty passphrase: anybody who copies root.key can sign for you. \
                  Set keys.root_passphrase before the first start of an authority for production.";
    check("root passphrase", CheckStatus::Warn, remedy)
}

fn first_token(data: &DataDir) -> Check {
    let path = data.join("first-token");
    if !path.exists() {
        return fine("first token");
    }
    let remedy = format!(
        "{} opens everything: `kaching token create` one of your own, archive the first, and remove the file.",
        path.display()
    );
    check("first token", CheckStatus::Warn, remedy)
}
