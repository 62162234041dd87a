//! The listeners: the product address, the private address, and the local socket.

mod connection;
mod connections;
mod head_errors;
mod local;
mod passed;
mod tls;
mod write_timeout;

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::Router;
use kaching_authority::jobs::TASKS;
use tokio::{
    net::{TcpListener, TcpSocket, UnixListener},
    sync::Semaphore,
};

use self::{connection::Acceptor, connections::Connections, tls::Certificate};
pub use self::{
    passed::PassedSockets,
    tls::{CertificateState, check_certificate},
};
use crate::{
    App, Shutdown, background,
    config::{Config, PublicUrl},
    route::Table,
    router,
    tasks::Tasks,
};

/// Addresses that are bound and not served yet, so that the issuer can name the port that was found.
pub struct Listeners {
    product: TcpListener,
    private: Option<TcpListener>,
    socket: Option<(UnixListener, PathBuf)>,
    certificate: Option<Arc<Certificate>>,
    limits: ConnectionLimits,
    addresses: Addresses,
    issuer: PublicUrl,
}

/// The limits of a listener's connections.
#[derive(Clone, Copy)]
struct ConnectionLimits {
    header_timeout: Duration,
    shutdown_timeout: Duration,
    connections: usize,
}

/// Connections that the system holds until we accept them: as many clients as come back together after an outage.
/// It lowers this to its own limit (net.core.somaxconn on Linux, usually 4096).
const BACKLOG: u32 = 16_384;

/// The jobs that a server runs at a time, so that one that waits for a network delays no other.
const JOB_WORKERS: usize = 4;

/// The addresses of the server.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// The product API.
    pub product: SocketAddr,
    /// The operator API and metrics, if elsewhere.
    pub private: Option<SocketAddr>,
    /// The local socket.
    pub socket: Option<PathBuf>,
}

/// Why an address could not be bound: one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BindError(pub(crate) String);

/// Why serving ended without a request to stop.
#[derive(Debug, thiserror::Error)]
#[error("the database can no longer be trusted with a write ({0}): see to it and start again")]
pub struct ServeError(String);

impl Listeners {
    /// Binds every address of the settings, and `kaching.sock` in `directory` where one is given.
    ///
    /// # Errors
    /// If an address is in use or not ours, the socket's path is too long, or the TLS files cannot be used.
    pub async fn bind(config: &Config, directory: Option<&Path>) -> Result<Self, BindError> {
        Self::with(PassedSockets::default(), config, directory).await
    }

    /// As [`bind`](Self::bind), with sockets that listen already in place of the addresses of the settings.
    ///
    /// # Errors
    /// As `bind`.
    pub async fn with(
        passed: PassedSockets,
        config: &Config,
        directory: Option<&Path>,
    ) -> Result<Self, BindError> {
        let certificate = match (&config.server.tls_cert, &config.server.tls_key) {
            (Some(chain), Some(key)) => Some(Arc::new(Certificate::load(chain, key)?)),
            _ => None,
        };
        let product = match passed.product {
            Some(listening) => passed::accept_on(listening)?,
            None => tcp("listen", config.server.listen)?,
        };
        let private = match (passed.private, config.private_address()) {
            (Some(listening), _) => Some(passed::accept_on(listening)?),
            (None, Some(address)) => Some(tcp("admin_listen", address)?),
            (None, None) => None,
        };
        let socket = directory.map(local::bind).transpose()?;
        let address = |listener: &TcpListener| listener.local_addr().map_err(|e| BindError(e.to_string()));
        let addresses = Addresses {
            product: address(&product)?,
            private: private.as_ref().map(address).transpose()?,
            socket: socket.as_ref().map(|(_, path)| path.clone()),
        };
        let seconds = |s: u32| Duration::from_secs(u64::from(s));
        Ok(Self {
            issuer: config.issuer(addresses.product),
            product,
            private,
            socket,
            certificate,
            limits: ConnectionLimits {
                header_timeout: seconds(config.server.body_timeout_s),
                shutdown_timeout: seconds(config.server.shutdown_timeout_s),
                connections: usize::try_from(config.server.max_connections).unwrap_or(Semaphore::MAX_PERMITS),
            },
            addresses,
        })
    }

    /// Returns the bound addresses.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// Returns the public URL, with which the authority is opened.
    pub fn issuer(&self) -> &PublicUrl {
        &self.issuer
    }

    /// Serves until `shutdown`, then takes no more connections and waits for the running requests. The authority's jobs run in
    /// the background.
    ///
    /// # Errors
    /// If the database can no longer be trusted: the process has to end, and be started again.
    pub async fn serve(self, app: App, shutdown: Shutdown) -> Result<(), ServeError> {
        // Our shutdown follows the caller's, or the end of the database.
        let (stop, ours) = crate::shutdown();
        let mut shutdown_requested = shutdown;
        let shutdown = ours;
        let mut accepting = Tasks::default();
        for _ in 0..JOB_WORKERS {
            accepting.spawn(background::worker(app.clone(), shutdown.clone()));
        }
        for task in &TASKS {
            accepting.spawn(background::scheduled(app.clone(), task, shutdown.clone()));
        }
        accepting.spawn(background::sweep(app.clone(), shutdown.clone()));
        accepting.spawn(background::measure(app.clone(), shutdown.clone()));
        accepting.spawn(background::changes(app.clone(), shutdown.clone()));
        let (product, everything) = (router::product(&app), router::everything(&app));
        let lines = |router| self.limits.lines(router, &app, &shutdown);
        let public = if self.private.is_some() { product } else { everything.clone() };
        let tls = self.certificate.as_ref().map(tls::acceptor);
        accepting.spawn(lines(public).tcp(self.product, tls.clone()));
        if let Some(listener) = self.private {
            // The private address is TLS as well, unless it never leaves the machine.
            let loopback = self.addresses.private.is_some_and(|address| address.ip().is_loopback());
            accepting.spawn(lines(everything.clone()).tcp(listener, tls.filter(|_| !loopback)));
        }
        if let Some((listener, path)) = self.socket {
            accepting.spawn(lines(everything).local(listener, path));
        }
        if let Some(certificate) = self.certificate {
            accepting.spawn(tls::watch(certificate, app.clone(), shutdown.clone()));
        }
        let ended = tokio::select! {
            () = shutdown_requested.requested() => Ok(()),
            error = app.authority.fatal() => Err(ServeError(error.to_string())),
        };
        stop.now();
        app.leave();
        // Long polls are answered, and streams go to another server.
        app.authority.end_listening();
        let left = accepting.finish(self.limits.shutdown_timeout + Duration::from_secs(1)).await;
        if left > 0 {
            tracing::warn!(left, "stopped without waiting any longer");
        }
        ended
    }

    /// Serves only these routes on the product address, with the middleware of the authority's own: to measure its cost.
    pub async fn serve_only(self, routes: Router<App>, app: App, shutdown: Shutdown) {
        self.limits
            .lines(router::around(&app, (routes, Table::default())), &app, &shutdown)
            .tcp(self.product, None)
            .await;
    }
}

impl ConnectionLimits {
    fn lines(self, router: Router, app: &App, shutdown: &Shutdown) -> Acceptor {
        Acceptor {
            router,
            app: app.clone(),
            shutdown: shutdown.clone(),
            header_timeout: self.header_timeout,
            shutdown_timeout: self.shutdown_timeout,
            connections: Connections::new(self.connections, app.metrics.connections_ended.clone()),
        }
    }
}

fn tcp(setting: &str, address: SocketAddr) -> Result<TcpListener, BindError> {
    let bound = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    bound().map_err(|error: io::Error| {
        BindError(match error.kind() {
            io::ErrorKind::AddrInUse => {
                format!("{address} is in use by another program: stop it, or choose another address with server.{setting}")
            }
            io::ErrorKind::AddrNotAvailable => {
                format!("{address} is not an address of this machine: choose another with server.{setting}")
            }
            io::ErrorKind::PermissionDenied => {
                format!("{address} may not be used by this user: choose a port above 1023 with server.{setting}")
            }
            _ => format!("{address} cannot be used ({error}): choose another with server.{setting}"),
        })
    })
}
