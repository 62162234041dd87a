//! Answers before any handler is reached: to a head that cannot be read, is too long, or does not arrive. hyper answers
//! some of these itself with a bare status; each gets a problem document like any other refusal.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use axum::http::StatusCode;
use kaching_base::ErrorCode;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};

use crate::{
    App, metrics,
    problem::Rejected,
    request_name::{RequestName, X_REQUEST_ID},
};

/// The first bytes of a header of the PROXY protocol, in its versions 1 and 2.
const PROXY: [&[u8]; 2] = [b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n"];

/// A connection on which the answers of hyper itself are replaced.
pub(super) struct HeadErrors<'a, S> {
    stream: S,
    app: &'a App,
    /// The first bytes that arrived.
    first: Vec<u8>,
    /// Whether something arrived since the last answer.
    begun: bool,
    /// Whether a line of it has ended.
    line_ended: bool,
    /// The bytes that are sent in place of hyper's answer, and how many were sent.
    instead: Option<(Vec<u8>, usize)>,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> HeadErrors<'a, S> {
    pub(super) fn new(stream: S, app: &'a App) -> Self {
        let (begun, line_ended) = (false, false);
        Self { stream, app, first: Vec::new(), begun, line_ended, instead: None }
    }

    /// Answers a head of which the rest did not come in time. A client that sent nothing since the last answer gets none.
    pub(super) async fn timed_out(&mut self) {
        if self.begun {
            let detail = "the head of the request did not come in time; send it without a pause";
            let answer = self.answer(Rejected::new(ErrorCode::RequestTimeout, detail));
            // A client that slow may have left as well.
            let _ = self.stream.write_all(&answer).await;
            let _ = self.stream.shutdown().await;
        }
    }

    /// Returns hyper's own answer as a problem; `None` if these bytes are an answer of ours, which always has a body.
    fn problem(&self, bytes: &[u8]) -> Option<Rejected> {
        let status = bytes.strip_prefix(b"HTTP/1.1 ")?.get(..3)?;
        if !bytes.ends_with(b"\r\n\r\n") || !holds(bytes, b"\r\ncontent-length: 0\r\n") {
            return None;
        }
        Some(match status {
            b"431" if self.line_ended => {
                let detail = "the head of a request has at most 64 KiB and 100 headers";
                Rejected::new(ErrorCode::HeadersTooLarge, detail)
            }
            b"431" | b"414" => {
                Rejected::new(ErrorCode::UriTooLong, "the path and its parameters are at most 16 KiB")
            }
            b"400" if is_proxy_header(&self.first) => {
                let detail = "this connection begins with a header of the PROXY protocol, which is not understood \
                              here: switch it off in the proxy (HAProxy: no send-proxy; nginx: proxy_protocol off), \
                              and have it send X-Forwarded-For";
                tracing::warn!("{detail}");
                Rejected::new(ErrorCode::MalformedBody, detail)
            }
            b"400" => {
                Rejected::new(ErrorCode::MalformedBody, "the head of the request is not one of HTTP/1.1")
            }
            _ => return None,
        })
    }

    /// Renders an answer, after which the connection ends.
    fn answer(&self, mut rejected: Rejected) -> Vec<u8> {
        let name = RequestName::from(self.app.request_id());
        let body = rejected.body(&name);
        let problem = &rejected.problem;
        tracing::debug!(request = %name, code = problem.code, "refused before a handler");
        let (route, method) = ("none".to_owned(), "other".to_owned());
        let labels = metrics::Request { route, method, status: problem.status, code: problem.code.clone() };
        self.app.metrics.requests.get_or_create(&labels).inc();
        let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::BAD_REQUEST);
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {}\r\ncontent-length: {}\r\nconnection: close\r\n\
             {X_REQUEST_ID}: {name}\r\nx-content-type-options: nosniff\r\ncache-control: no-store\r\n\r\n",
            kaching_api::Problem::CONTENT_TYPE,
            body.len(),
        );
        [head.into_bytes(), body].concat()
    }

    fn poll_instead(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some((answer, sent)) = &mut self.instead {
            match answer.get(*sent..).filter(|rest| !rest.is_empty()) {
                Some(rest) => *sent += ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?,
                None => self.instead = None,
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Whether a connection begins with a header of the PROXY protocol.
pub(super) fn is_proxy_header(first: &[u8]) -> bool {
    PROXY.iter().any(|start| first.starts_with(start))
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for HeadErrors<'_, S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = into.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, into))?;
        let came = into.filled().get(before..).unwrap_or_default();
        let room = PROXY[1].len().saturating_sub(this.first.len());
        this.first.extend(came.iter().take(room));
        this.begun |= !came.is_empty();
        this.line_ended = this.line_ended || came.contains(&b'\n');
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for HeadErrors<'_, S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_instead(cx))?;
        if this.begun
            && let Some(rejected) = this.problem(bytes)
        {
            this.instead = Some((this.answer(rejected), 0));
            (this.begun, this.line_ended) = (false, false);
            return Poll::Ready(Ok(bytes.len()));
        }
        (this.begun, this.line_ended) = (false, false);
        Pin::new(&mut this.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        // An answer without a body is one piece.
        if let [only] = bytes {
            return self.poll_write(cx, only);
        }
        let this = self.get_mut();
        ready!(this.poll_instead(cx))?;
        (this.begun, this.line_ended) = (false, false);
        Pin::new(&mut this.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_instead(cx))?;
        Pin::new(&mut this.stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_instead(cx))?;
        Pin::new(&mut this.stream).poll_shutdown(cx)
    }
}
