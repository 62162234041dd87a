use std::{
    convert::Infallible,
    iter,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    body::{Body, HttpBody as _},
    extract::Request,
    http::{HeaderValue, header},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream, UnixListener, UnixStream},
    sync::Notify,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::{
    BACKLOG,
    connections::{Connection, Connections, Received},
    head_errors::{HeadErrors, is_proxy_header},
    local,
    write_timeout::WriteTimeout,
};
use crate::{App, Peer, Shutdown, middleware::OverConnection, tasks::Tasks};

/// The state that all connections of one listener share.
#[derive(Clone)]
pub(super) struct Acceptor {
    pub(super) router: Router,
    pub(super) app: App,
    pub(super) shutdown: Shutdown,
    pub(super) header_timeout: Duration,
    pub(super) shutdown_timeout: Duration,
    pub(super) connections: Arc<Connections>,
}

/// Bytes that are held of what a connection sends and is sent; longer heads are refused, bodies pass through.
const BUFFER: usize = 64 * 1024;
/// How long a stop waits for the first request of a connection, which is usually on its way.
const FIRST: Duration = Duration::from_millis(500);

impl Acceptor {
    pub(super) async fn tcp(mut self, listener: TcpListener, tls: Option<TlsAcceptor>) {
        let mut open = Tasks::default();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.shutdown.requested() => break,
            };
            match accepted {
                Ok((stream, address)) => self.take_tcp(stream, address, tls.clone(), &mut open).await,
                Err(error) => pause(&error).await,
            }
        }
        // Closing the listener would cut off clients that have connected by now.
        if let Ok(listener) = listener.into_std() {
            for (stream, address) in iter::from_fn(|| listener.accept().ok()).take(BACKLOG as usize) {
                if let Ok(stream) = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) {
                    self.take_tcp(stream, address, tls.clone(), &mut open).await;
                }
            }
        }
        open.finish(self.shutdown_timeout).await;
    }

    async fn take_tcp(
        &mut self,
        stream: TcpStream,
        address: SocketAddr,
        tls: Option<TlsAcceptor>,
        open: &mut Tasks,
    ) {
        let Some(connection) = self.open(Some(&Peer::Network(address))).await else { return };
        // Answers are small and written whole; waiting to fill a packet only delays them.
        let _ = stream.set_nodelay(true);
        let lines = self.clone();
        open.spawn(async move {
            tokio::select! {
                () = lines.converse(stream, address, tls, &connection) => {}
                () = connection.state.end() => tracing::debug!(%address, "a connection that waited made room"),
            }
        });
    }

    pub(super) async fn local(mut self, listener: UnixListener, path: PathBuf) {
        let mut open = Tasks::default();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.shutdown.requested() => break,
            };
            match accepted {
                Ok((stream, _)) => self.take_local(stream, &path, &mut open).await,
                Err(error) => pause(&error).await,
            }
        }
        if let Ok(listener) = listener.into_std() {
            for (stream, _) in iter::from_fn(|| listener.accept().ok()).take(BACKLOG as usize) {
                if let Ok(stream) = stream.set_nonblocking(true).and_then(|()| UnixStream::from_std(stream)) {
                    self.take_local(stream, &path, &mut open).await;
                }
            }
        }
        let _ = std::fs::remove_file(&path);
        open.finish(self.shutdown_timeout).await;
    }

    async fn take_local(&mut self, stream: UnixStream, path: &Path, open: &mut Tasks) {
        let Some(connection) = self.open(None).await else { return };
        let Some(peer) = local::peer(&stream, path) else {
            tracing::warn!("another user tried the local socket");
            return;
        };
        let lines = self.clone();
        open.spawn(async move {
            tokio::select! {
                () = lines.answer(stream, peer, &connection) => {}
                () = connection.state.end() => tracing::debug!("a connection that waited made room"),
            }
        });
    }

    /// Waits for a place for one more connection; `None` once it is time to stop.
    async fn open(&mut self, peer: Option<&Peer>) -> Option<Connection> {
        tokio::select! {
            biased;
            connection = self.connections.open(peer) => Some(connection),
            () = self.shutdown.requested() => None,
        }
    }

    /// Answers over TCP, after the handshake where there is one.
    async fn converse(
        self,
        stream: TcpStream,
        address: SocketAddr,
        tls: Option<TlsAcceptor>,
        connection: &Connection,
    ) {
        let peer = Peer::Network(address);
        let Some(tls) = tls else { return self.answer(stream, peer, connection).await };
        let shaken = async {
            let mut first = [0; 16];
            let seen = stream.peek(&mut first).await?;
            if first.get(..seen).is_some_and(is_proxy_header) {
                // One a second is enough to see it, and a stranger must not be able to fill the log.
                if self.app.first_this_second() {
                    tracing::warn!(
                        "a connection begins with a header of the PROXY protocol, which is not understood here, where \
                         TLS was to begin: switch it off in the proxy (HAProxy: no send-proxy; nginx: proxy_protocol off)"
                    );
                }
                return Err(std::io::ErrorKind::InvalidData.into());
            }
            tls.accept(stream).await
        };
        match tokio::time::timeout(self.header_timeout, shaken).await {
            Ok(Ok(stream)) => self.answer(stream, peer, connection).await,
            Ok(Err(error)) => tracing::debug!(%address, %error, "no TLS"),
            Err(_) => tracing::debug!(%address, "the TLS handshake took too long"),
        }
    }

    async fn answer(mut self, io: impl AsyncRead + AsyncWrite + Unpin, peer: Peer, connection: &Connection) {
        let router = self.router.clone();
        let connections = Arc::clone(&self.connections);
        let state = Arc::clone(&connection.state);
        let begun = Arc::new(Notify::new());
        let has_begun = Arc::clone(&begun);
        let service = service_fn(move |mut request: Request<Incoming>| {
            has_begun.notify_one();
            request.extensions_mut().insert(peer);
            request.extensions_mut().insert(OverConnection);
            let request = request.map(|body| Body::new(Received::new(body, &state)));
            let answered = router.clone().oneshot(request);
            let (connections, state) = (Arc::clone(&connections), Arc::clone(&state));
            async move {
                let mut response = answered.await?;
                // A client that has its answer makes room for one that waits to connect.
                if connections.is_full() {
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                // An answer whose end is known is written immediately; a stream is one for as long as it is open.
                if response.body().size_hint().exact().is_some() {
                    state.wait();
                }
                Ok::<_, Infallible>(response)
            }
        });
        self.app.metrics.connections.inc();
        let _open = OpenConnection(&self.app);
        let mut io = HeadErrors::new(WriteTimeout::new(io, self.header_timeout), &self.app);
        let ended = {
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(self.header_timeout)
                .max_buf_size(BUFFER)
                .serve_connection(TokioIo::new(&mut io), service);
            tokio::pin!(connection);
            let stop = async {
                self.shutdown.requested().await;
                let _ = tokio::time::timeout(FIRST, begun.notified()).await;
            };
            tokio::select! {
                ended = connection.as_mut() => ended,
                () = stop => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
            if error.is_timeout() {
                io.timed_out().await;
            }
        }
    }
}

/// Counts an open connection, also if its task is ended from outside.
struct OpenConnection<'a>(&'a App);

impl Drop for OpenConnection<'_> {
    fn drop(&mut self) {
        self.0.metrics.connections.dec();
    }
}

/// Without file descriptors, accepting fails immediately and repeatedly until connections end.
async fn pause(error: &std::io::Error) {
    tracing::warn!(%error, "a connection could not be accepted");
    tokio::time::sleep(Duration::from_millis(100)).await;
}
