use std::{convert::Infallible, path::PathBuf, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::Request,
    http::{HeaderValue, header},
};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, UnixListener},
    sync::Semaphore,
};
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt as _;

use super::{impatient::Impatient, local};
use crate::{App, Peer, Shutdown, tasks::Tasks};

/// What every connection of one listener shares.
#[derive(Clone)]
pub(super) struct Lines {
    pub(super) router: Router,
    pub(super) app: App,
    pub(super) shutdown: Shutdown,
    pub(super) header_timeout: Duration,
    pub(super) shutdown_timeout: Duration,
    pub(super) permits: Arc<Semaphore>,
}

/// Bytes that are held of what a connection sends and is sent; longer heads are refused, bodies pass through.
const BUFFER: usize = 64 * 1024;

impl Lines {
    pub(super) async fn tcp(mut self, listener: TcpListener, tls: Option<TlsAcceptor>) {
        let mut open = Tasks::default();
        while let Some(permit) = self.permit().await {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.shutdown.asked() => break,
            };
            let (stream, address) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    pause(&error).await;
                    continue;
                }
            };
            // Answers are small and written whole; waiting to fill a packet only delays them.
            let _ = stream.set_nodelay(true);
            let (lines, tls) = (self.clone(), tls.clone());
            open.spawn(async move {
                let _permit = permit;
                let Some(tls) = tls else { return lines.answer(stream, Peer::Network(address)).await };
                match tokio::time::timeout(lines.header_timeout, tls.accept(stream)).await {
                    Ok(Ok(stream)) => lines.answer(stream, Peer::Network(address)).await,
                    Ok(Err(error)) => tracing::debug!(%address, %error, "no TLS"),
                    Err(_) => tracing::debug!(%address, "the TLS handshake took too long"),
                }
            });
        }
        drop(listener);
        open.finish(self.shutdown_timeout).await;
    }

    pub(super) async fn local(mut self, listener: UnixListener, path: PathBuf) {
        let mut open = Tasks::default();
        while let Some(permit) = self.permit().await {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.shutdown.asked() => break,
            };
            match accepted {
                Ok((stream, _)) => {
                    let Some(peer) = local::peer(&stream, &path) else {
                        tracing::warn!("another user tried the local socket");
                        continue;
                    };
                    let lines = self.clone();
                    open.spawn(async move {
                        let _permit = permit;
                        lines.answer(stream, peer).await;
                    });
                }
                Err(error) => pause(&error).await,
            }
        }
        drop(listener);
        let _ = std::fs::remove_file(&path);
        open.finish(self.shutdown_timeout).await;
    }

    /// A place for one more connection; nothing once it is time to stop.
    async fn permit(&mut self) -> Option<tokio::sync::OwnedSemaphorePermit> {
        tokio::select! {
            permit = Arc::clone(&self.permits).acquire_owned() => permit.ok(),
            () = self.shutdown.asked() => None,
        }
    }

    async fn answer(mut self, io: impl AsyncRead + AsyncWrite + Unpin, peer: Peer) {
        let router = self.router.clone();
        let permits = Arc::clone(&self.permits);
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(peer);
            let (answered, permits) = (router.clone().oneshot(request.map(Body::new)), Arc::clone(&permits));
            async move {
                let mut response = answered.await?;
                // Whoever has its answer makes room for those who wait outside.
                if permits.available_permits() == 0 {
                    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(response)
            }
        });
        self.app.metrics.connections.inc();
        let _open = Open(&self.app);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.header_timeout)
            .max_buf_size(BUFFER)
            .serve_connection(TokioIo::new(Impatient::new(io, self.header_timeout)), service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.shutdown.asked() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(%error, "a connection ended early");
        }
    }
}

/// A gauge that goes down even when the task is ended from outside.
struct Open<'a>(&'a App);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.metrics.connections.dec();
    }
}

/// Without file descriptors accepting fails at once, again and again, until connections end.
async fn pause(error: &std::io::Error) {
    tracing::warn!(%error, "a connection could not be accepted");
    tokio::time::sleep(Duration::from_millis(100)).await;
}
