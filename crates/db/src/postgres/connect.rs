use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use postgres::{Client, NoTls};

use super::fault;
use crate::{Error, Result};

/// Where the server is, and how to reach it.
#[derive(Clone)]
pub(super) struct Server {
    config: postgres::Config,
}

/// Whether the server has warned since it was last asked.
#[derive(Clone, Default)]
pub(super) struct Warned(Arc<AtomicBool>);

impl Warned {
    pub(super) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Server {
    pub(super) fn new(url: &str, patience: Duration) -> Result<Self> {
        let mut config: postgres::Config = url.parse().map_err(|_| {
            Error::Unavailable(
                "its address should look like postgresql://user:password@host:5432/name".to_owned(),
            )
        })?;
        // A server that went away without a word is noticed, instead of waited for.
        config
            .application_name("kaching")
            .connect_timeout(patience)
            .tcp_user_timeout(patience * 2)
            .keepalives_idle(Duration::from_secs(30))
            .keepalives_interval(Duration::from_secs(5))
            .keepalives_retries(3);
        Ok(Self { config })
    }

    /// Makes one connection and sets what every transaction relies on.
    pub(super) fn connect(&self) -> Result<(Client, Warned)> {
        let unavailable = |e: postgres::Error| Error::Unavailable(fault::reason(&e));
        let warned = Warned::default();
        let mut config = self.config.clone();
        let notices = warned.clone();
        config.notice_callback(move |notice| {
            if notice.severity() == "WARNING" {
                notices.0.store(true, Ordering::Relaxed);
                tracing::warn!(message = notice.message(), "PostgreSQL warns");
            }
        });
        // Encrypted connections would be made here: `NoTls` is the one connector so far.
        let mut client = config.connect(NoTls).map_err(unavailable)?;
        // An acknowledged commit is on disk, whatever the server's default; a stricter one stays.
        client
            .batch_execute(
                "set client_min_messages = warning; set statement_timeout = 0;
                 select set_config('synchronous_commit', 'on', false)
                     where current_setting('synchronous_commit') in ('off', 'local', 'remote_write')",
            )
            .map_err(unavailable)?;
        Ok((client, warned))
    }
}
