use std::{io, net::SocketAddr, path::PathBuf};

use kaching_client::{DeactivateError, FingerprintError, StartError};

/// The reason why the service does not run, in one sentence.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no valid license.
    #[error("no valid license: {0}")]
    License(#[from] StartError),
    /// The cluster's id cannot be kept.
    #[error(transparent)]
    Fingerprint(#[from] FingerprintError),
    /// The setup cannot be used.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// The cluster does not take this node.
    #[error("the cluster does not take this node: {0}")]
    NotJoined(String),
    /// The slot was not given back.
    #[error(transparent)]
    NotReleased(#[from] DeactivateError),
    /// The address is taken, or not ours.
    #[error("{address} cannot be listened on: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        source: io::Error,
    },
    /// It does not answer, or not as a process that runs.
    #[error("{0} does not answer: {1}")]
    Unhealthy(SocketAddr, Box<ureq::Error>),
    /// The system gives no threads or signals.
    #[error("the service cannot run: {0}")]
    System(#[from] io::Error),
}

/// The reason why a setup cannot be used, in one sentence.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be used: {source}")]
pub struct SetupError {
    pub(crate) path: PathBuf,
    pub(crate) source: io::Error,
}
