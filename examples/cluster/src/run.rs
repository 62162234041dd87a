use std::{io, net::SocketAddr, sync::Arc};

use kaching_client::{Fingerprint, FingerprintError, Guard, StartError};
use tokio::net::TcpListener;

use crate::{Options, app, cluster::Cluster};

/// Why the service does not run: one sentence.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// There is no valid license.
    #[error("no valid license: {0}")]
    License(#[from] StartError),
    /// The cluster's id cannot be kept.
    #[error(transparent)]
    Fingerprint(#[from] FingerprintError),
    /// The address is taken, or not ours.
    #[error("{address} cannot be listened on: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The system gives no threads or signals.
    #[error("the service cannot run: {0}")]
    System(#[from] io::Error),
}

/// Runs the service until SIGTERM or Ctrl-C: it refuses to start without a valid license.
///
/// `ready` is told the address once it listens.
///
/// # Errors
/// If it cannot start, with what to do.
pub fn run(options: &Options, ready: impl FnOnce(SocketAddr)) -> Result<(), RunError> {
    let guard = Guard::builder(&options.authority, &options.root)
        .product("chorus")
        .license_key(options.license_key.clone())
        .fingerprint(Fingerprint::cluster(options.data.join("cluster-id"))?)
        .state_dir(options.data.join("license"))
        .name(&options.name)
        .version(env!("CARGO_PKG_VERSION"))
        .start()?;
    let cluster = Arc::new(Cluster::new(guard.clone(), &options.name)?);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(serve(options.listen, Arc::clone(&cluster), ready))?;
    cluster.finish();
    // The slot stays: the same cluster comes back to it. What was used is told, where the authority can be reached.
    let _ = guard.shutdown();
    Ok(())
}

async fn serve(
    address: SocketAddr,
    cluster: Arc<Cluster>,
    ready: impl FnOnce(SocketAddr),
) -> Result<(), RunError> {
    let taken = |source| RunError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(taken)?;
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    ready(listener.local_addr()?);
    let asked = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
    };
    Ok(axum::serve(listener, app::router(cluster)).with_graceful_shutdown(asked).await?)
}
