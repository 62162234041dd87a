#![doc = include_str!("../README.md")]

mod app;
mod options;

use std::{io, net::SocketAddr};

use kaching_client::{Fingerprint, FingerprintError, Guard, RequireLicense, StartError};
use tokio::net::TcpListener;

pub use options::{Options, OptionsError};

/// Why the service does not run: one sentence.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It cannot start, with or without a license.
    #[error(transparent)]
    License(#[from] StartError),
    /// The domain is none.
    #[error(transparent)]
    Fingerprint(#[from] FingerprintError),
    /// The address is taken, or the system gives no threads or signals.
    #[error("the service cannot run: {0}")]
    System(#[from] io::Error),
}

/// Runs the service until SIGTERM or Ctrl-C. `ready` gets the address once it listens.
///
/// # Errors
/// If it cannot start, with what to do.
pub fn run(options: &Options, ready: impl FnOnce(SocketAddr)) -> Result<(), RunError> {
    let guard = Guard::builder(&options.authority, &options.root)
        .product("agencyos")
        .license_key(options.license_key.clone())
        .fingerprint(Fingerprint::domain(&options.domain)?)
        .state_dir(options.data.join("license"))
        .name(&options.domain)
        .start_unlicensed()?;
    let licensed = RequireLicense::new(guard).exempt(|request| request.uri.path() == "/health");
    let app = app::router().layer(licensed);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let listener = TcpListener::bind(options.listen).await?;
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        ready(listener.local_addr()?);
        let asked = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        };
        Ok(axum::serve(listener, app).with_graceful_shutdown(asked).await?)
    })
}
