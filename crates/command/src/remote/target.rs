use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use kaching_api::SecretText;
use tokio::net::UnixStream;

use super::{
    Client, IdempotencyKeys, Transport, changes::Changes, http_connection::HttpConnection,
    in_process::InProcess, tls,
};
use crate::{
    data_dir::{DataDir, LockError},
    failure::Failure,
    settings,
};

/// The time that a command waits for another one that holds the data directory.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);
const POLL_INTERVAL: Duration = Duration::from_millis(25);

/// The authority that a command is for.
pub struct AuthorityTarget {
    /// The URL of a server, in place of the data directory.
    pub server: Option<String>,
    pub token: Option<SecretText>,
    /// More certificates to trust.
    pub ca: Option<PathBuf>,
    pub data: DataDir,
    pub environment: BTreeMap<String, String>,
}

/// The action if the authority does not exist.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum IfMissing {
    /// Create it, since the command creates the first data.
    Create,
    /// Refuse, since there is no data, and the directory is probably mistyped.
    Refuse,
}

impl AuthorityTarget {
    /// Connects to the named server, else to the process that serves the data directory, else opens it in this process.
    pub async fn connect(&self, if_missing: IfMissing) -> Result<Client, Failure> {
        if let Some(named) = self.named()? {
            return Ok(named);
        }
        let transport = tokio::time::timeout(LOCK_TIMEOUT, self.local(if_missing)).await;
        let transport = transport.unwrap_or_else(|_| match self.data.lock() {
            Ok(_) => Err(Failure::unreached("Another kaching command has just ended: try again.")),
            Err(taken) => Err(Failure::unreached(taken.into_failure(&self.data).to_string())),
        })?;
        Ok(self.by(transport))
    }

    /// Connects to the named server, else to the process that serves the data directory.
    ///
    /// # Errors
    /// If no process serves it.
    pub async fn connect_to_server(&self) -> Result<Client, Failure> {
        if let Some(named) = self.named()? {
            return Ok(named);
        }
        match self.served().await? {
            Some(transport) => Ok(self.by(transport)),
            None => Err(Failure::unreached(format!(
                "No server runs on {}: start it with `kaching serve`, or name another directory with --data.",
                self.data.path().display()
            ))),
        }
    }

    /// Returns a client of the named server, if there is one.
    fn named(&self) -> Result<Option<Client>, Failure> {
        let Some(url) = &self.server else { return Ok(None) };
        let connection =
            HttpConnection::server(url, self.token.is_some(), || tls::config(self.ca.as_deref()))?;
        Ok(Some(self.by(Transport::Http(connection))))
    }

    fn by(&self, transport: Transport) -> Client {
        let keys = IdempotencyKeys::of_this_command();
        Client { transport, token: self.token.clone(), keys, done: Changes::default() }
    }

    /// Waits until the directory is served, or this process holds its lock.
    async fn local(&self, if_missing: IfMissing) -> Result<Transport, Failure> {
        loop {
            if let Some(transport) = self.served().await? {
                return Ok(transport);
            }
            if if_missing == IfMissing::Create {
                self.data.make()?;
            } else if !self.data.is_in_use() && !self.names_database()? {
                return Err(Failure::unreached(format!(
                    "There is no authority in {}: start one with `kaching serve`, or name another directory with --data.",
                    self.data.path().display()
                )));
            }
            match self.data.lock() {
                Ok(owned) => {
                    let opened = InProcess::open(&self.data, owned, &self.environment).await?;
                    return Ok(Transport::InProcess(Box::new(opened)));
                }
                Err(LockError::Failed(failure)) => return Err(failure),
                // A server that is starting, or another command: it takes a moment.
                Err(LockError::Taken(_)) => tokio::time::sleep(POLL_INTERVAL).await,
            }
        }
    }

    /// Whether the settings name a database elsewhere. A file of settings alone is no authority: a package has one.
    fn names_database(&self) -> Result<bool, Failure> {
        Ok(settings::read(&self.data, &self.environment)?.database.url.is_some())
    }

    async fn served(&self) -> Result<Option<Transport>, Failure> {
        let socket = self.data.socket();
        match UnixStream::connect(&socket).await {
            Ok(_) => Ok(Some(Transport::Http(HttpConnection::socket(socket)))),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                Err(Failure::unreached(format!(
                    "{} belongs to another user: run this as the user of the server, or use --server and --token.",
                    socket.display()
                )))
            }
            // No socket, or one that a killed server left behind.
            Err(_) => Ok(None),
        }
    }
}
