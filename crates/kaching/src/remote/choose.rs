use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use kaching_api::SecretText;
use tokio::net::UnixStream;

use super::{Client, IdempotencyKeys, Way, done::Done, in_process::InProcess, tls, wire::Wire};
use crate::{
    data::{DataDir, NotOwned},
    failure::Failure,
};

/// How long a command waits for another that has the data directory open.
const TURN: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(25);

/// Where a command looks for its authority.
pub(crate) struct Choice {
    /// A server somewhere, rather than the data directory.
    pub(crate) server: Option<String>,
    pub(crate) token: Option<SecretText>,
    /// More certificates to trust.
    pub(crate) ca: Option<PathBuf>,
    pub(crate) data: DataDir,
    pub(crate) environment: BTreeMap<String, String>,
}

/// What is done where no authority was made yet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It is made: the command makes a first thing in it.
    Make,
    /// It is said: there is nothing to look at, and the directory is probably mistyped.
    Refuse,
}

impl Choice {
    /// The way to the authority: the server named, else the process that serves the data directory, else this one.
    pub(crate) async fn client(&self, missing: Missing) -> Result<Client, Failure> {
        if let Some(url) = &self.server {
            let wire = Wire::server(url, || tls::config(self.ca.as_deref()))?;
            return Ok(self.by(Way::Wire(wire)));
        }
        let way = tokio::time::timeout(TURN, self.local(missing)).await;
        let way = way.unwrap_or_else(|_| match self.data.own() {
            Ok(_) => Err(Failure::unreached("Another kaching command has just ended: try again.")),
            Err(taken) => Err(Failure::unreached(taken.sentence(&self.data).to_string())),
        })?;
        Ok(self.by(way))
    }

    fn by(&self, way: Way) -> Client {
        let keys = IdempotencyKeys::of_this_command();
        Client { way, token: self.token.clone(), keys, done: Done::default() }
    }

    /// Looks until the directory is served, or this process's.
    async fn local(&self, missing: Missing) -> Result<Way, Failure> {
        loop {
            if let Some(way) = self.served().await? {
                return Ok(way);
            }
            if missing == Missing::Make {
                self.data.make()?;
            } else if !self.data.is_in_use() && !self.environment.contains_key("KACHING_DATABASE__URL") {
                return Err(Failure::unreached(format!(
                    "There is no authority in {}: start one with `kaching serve`, or name another directory with --data.",
                    self.data.path().display()
                )));
            }
            match self.data.own() {
                Ok(owned) => {
                    let opened = InProcess::open(&self.data, owned, &self.environment).await?;
                    return Ok(Way::InProcess(Box::new(opened)));
                }
                Err(NotOwned::Failed(failure)) => return Err(failure),
                // A server that is about to listen, or another command: either way it is a moment's wait.
                Err(NotOwned::Taken(_)) => tokio::time::sleep(LOOK).await,
            }
        }
    }

    async fn served(&self) -> Result<Option<Way>, Failure> {
        let socket = self.data.socket();
        match UnixStream::connect(&socket).await {
            Ok(_) => Ok(Some(Way::Wire(Wire::socket(socket)))),
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
