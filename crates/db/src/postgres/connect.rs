use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use postgres::{Client, SimpleQueryMessage};

use super::{address, address::HostPort, fault};
use crate::{Error, Result};

/// The servers of an address, and which one to try first.
#[derive(Clone)]
pub(super) struct Server {
    servers: Arc<[HostPort]>,
    /// The index of the server of the last connection: new connections try it first.
    last: Arc<AtomicUsize>,
}

/// Whether the server has warned since it was last asked.
#[derive(Clone, Default)]
pub(super) struct Warned(Arc<AtomicBool>);

impl Warned {
    pub(super) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

/// An acknowledged commit is on disk, whatever the server's default; a stricter one stays. The last answer is whether
/// this is a standby, or takes no writes for another reason, and what would change the latter.
const SETTLE: &str = "set client_min_messages = warning; set statement_timeout = 0;
    select set_config('synchronous_commit', 'on', false)
        where current_setting('synchronous_commit') in ('off', 'local', 'remote_write');
    select case when pg_is_in_recovery() then 'standby' else current_setting('transaction_read_only') end,
        format('alter role %I in database %I set default_transaction_read_only = off', session_user,
            current_database())";

impl Server {
    pub(super) fn new(url: &str, patience: Duration) -> Result<Self> {
        Ok(Self { servers: address::parse(url, patience)?.into(), last: Arc::default() })
    }

    /// Makes one connection to the server that takes writes, and sets what every transaction relies on.
    pub(super) fn connect(&self) -> Result<(Client, Warned)> {
        let (count, first) = (self.servers.len(), self.last.load(Ordering::Relaxed));
        let mut why = Vec::new();
        for at in (first..first + count).map(|at| at % count) {
            let server = &self.servers[at];
            match server.connect() {
                Ok(connected) => {
                    self.last.store(at, Ordering::Relaxed);
                    return Ok(connected);
                }
                Err(reason) => why.push(format!("{}: {reason}", server.name)),
            }
        }
        Err(Error::Unavailable(why.join("; ")))
    }
}

impl HostPort {
    fn connect(&self) -> std::result::Result<(Client, Warned), String> {
        let reason = |error| self.tls.explain(&error).unwrap_or_else(|| fault::reason(&error));
        let warned = Warned::default();
        let mut config = self.config.clone();
        let notices = warned.clone();
        config.notice_callback(move |notice| {
            if notice.severity() == "WARNING" {
                notices.0.store(true, Ordering::Relaxed);
                tracing::warn!(notice = notice.message(), "PostgreSQL warns");
            }
        });
        let mut client = config.connect(self.tls.clone()).map_err(reason)?;
        let answers = client.simple_query(SETTLE).map_err(reason)?;
        let state = answers.iter().rev().find_map(|answer| match answer {
            SimpleQueryMessage::Row(row) => Some((row.get(0)?, row.get(1)?)),
            _ => None,
        });
        match state {
            Some(("off", _)) => Ok((client, warned)),
            Some(("standby", _)) => {
                Err("it is a read-only standby, and nothing is decided on one: name the primary, or all \
                 servers with commas between them"
                    .to_owned())
            }
            Some((_, remedy)) => Err(format!(
                "it takes no writes, because default_transaction_read_only is on: if its disk was nearly full, make \
                 room first; then run `begin read write; {remedy}; commit`"
            )),
            None => Err("it does not say whether it takes writes".to_owned()),
        }
    }
}
