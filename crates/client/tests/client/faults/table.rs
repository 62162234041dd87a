//! The faults of a network in an exchange.

use std::time::Duration;

use kaching_base::ErrorCode;

use crate::{
    authority::problem,
    proxy::{
        Fault::{self, CutRequest, DoubleRequest, Instead, LoseRequest, Served},
        Genuine,
        Piece::{self, Bytes, Close, Forever, Pause, Reset, Slowly, Stall},
    },
};

use Effect::{Cuts, Either, Harmless, PutsOff};

/// A fault and what it may lead to.
pub(super) struct Row {
    pub(super) name: &'static str,
    pub(super) fault: Fault,
    pub(super) effect: Effect,
}

/// The effect of a fault on an exchange.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Effect {
    /// The genuine answer comes in time.
    Harmless,
    /// No genuine answer comes in time.
    Cuts,
    /// As `Cuts`, and it asks the client to wait for minutes.
    PutsOff,
    /// It depends on how strictly HTTP is read; either is right.
    Either,
}

/// One byte at a time, as slow to a call of half a second as one byte a second is to one of ten.
const APART: Duration = Duration::from_millis(50);

pub(super) const ROWS: &[Row] = &[
    row("carried as it is", Harmless, Served(|it| vec![whole(it)])),
    // The request.
    row("the request is lost", Cuts, LoseRequest),
    row("the request is cut", Cuts, CutRequest),
    row("the request comes twice", Harmless, DoubleRequest),
    // Time.
    row("delayed", Harmless, Served(|it| vec![Pause(Duration::from_millis(60)), whole(it)])),
    row("stalls before the answer", Cuts, Instead(|_| vec![Stall])),
    row("stalls in the status", Cuts, Served(|it| vec![first(it, 5), Stall])),
    row("stalls in the headers", Cuts, Served(|it| vec![first(it, 30), Stall])),
    row("stalls in the body", Cuts, Served(|it| vec![but_last(it), Stall])),
    row("one byte at a time", Cuts, Served(|it| vec![Slowly(it.bytes.to_vec(), APART), Stall])),
    row(
        "one byte of a header at a time",
        Cuts,
        Instead(|_| vec![head("200 OK"), Slowly(vec![b'x'; 2000], APART)]),
    ),
    row("bodies without an end", Cuts, Instead(|_| vec![head("200 OK"), text("\r\n"), Forever(HTML)])),
    row("chunks without an end", Cuts, Instead(|_| vec![chunked(), Forever("1\r\nx\r\n")])),
    row("headers without an end", Cuts, Instead(|_| vec![head("200 OK"), Forever("x: y\r\n")])),
    row("100 Continue without an end", Cuts, Instead(|_| vec![Forever("HTTP/1.1 100 Continue\r\n\r\n")])),
    row(
        "103 Early Hints without an end",
        Cuts,
        Instead(|_| vec![Forever("HTTP/1.1 103 Early Hints\r\n\r\n")]),
    ),
    // Ends.
    row("the answer is lost", Cuts, Served(|_| vec![Close])),
    row("reset before the answer", Cuts, Instead(|_| vec![Reset])),
    row("reset in the body", Cuts, Served(|it| vec![but_last(it), Reset])),
    row("truncated in the headers", Cuts, Served(|it| vec![first(it, 30), Close])),
    row("truncated in the body", Cuts, Served(|it| vec![but_last(it), Close])),
    row(
        "truncated, and no length said so",
        Cuts,
        Served(|it| vec![http10(&it.body()[..it.body().len() / 2]), Close]),
    ),
    // Order.
    row("answered twice", Harmless, Served(|it| vec![whole(it), whole(it)])),
    row(
        "answered twice, once late",
        Harmless,
        Served(|it| vec![whole(it), Pause(Duration::from_millis(5)), whole(it)]),
    ),
    row("another request's answer", Cuts, Served(|it| vec![other(it)])),
    row("the oldest answer again", Cuts, Served(|it| vec![oldest(it)])),
    // Size.
    row("10 MiB", Cuts, Instead(|_| vec![answer("200 OK", &"x".repeat(10 << 20)), Close])),
    row("10 MiB of JSON", Cuts, Instead(|_| vec![answer("200 OK", &format!("[{}0]", "0,".repeat(5 << 20)))])),
    row(
        "10 MiB in one header",
        Cuts,
        Instead(|_| vec![head("200 OK"), text(&format!("x: {}\r\n\r\n", "y".repeat(10 << 20)))]),
    ),
    row(
        "a length of 10 MiB",
        Cuts,
        Instead(|_| vec![head("200 OK"), text("content-length: 10485760\r\n\r\n{}"), Stall]),
    ),
    // Other places.
    row("redirected to itself", Cuts, Instead(|_| vec![redirect("302 Found", "/")])),
    row(
        "redirected without an end",
        Cuts,
        Instead(|_| vec![redirect("307 Temporary Redirect", "/v1/heartbeat")]),
    ),
    row(
        "redirected for good",
        Cuts,
        Instead(|_| vec![redirect("308 Permanent Redirect", "http://127.0.0.1:1/")]),
    ),
    row("redirected to nonsense", Cuts, Instead(|_| vec![redirect("301 Moved", "http://[::::1/%%%")])),
    row("a captive portal", Cuts, Instead(|_| vec![html("200 OK")])),
    row("a captive portal that says no", Cuts, Instead(|_| vec![html("403 Forbidden")])),
    row(
        "a captive portal that says so",
        Cuts,
        Instead(|_| vec![html("511 Network Authentication Required")]),
    ),
    row("a proxy that wants a password", Cuts, Instead(|_| vec![html("407 Proxy Authentication Required")])),
    row("a proxy without a way", Cuts, Instead(|_| vec![html("502 Bad Gateway")])),
    // Not HTTP, or not quite.
    row("another protocol", Cuts, Instead(|_| vec![text("SSH-2.0-OpenSSH_9.6\r\n"), Stall])),
    row(
        "bytes of no protocol",
        Cuts,
        Instead(|_| vec![Bytes((0..4096).map(|n| (n * 7 % 256) as u8).collect()), Close]),
    ),
    row("TLS where none was asked for", Cuts, Instead(|_| vec![Bytes(vec![21, 3, 3, 0, 2, 2, 40]), Close])),
    row("HTTP/1.0, ended by closing", Harmless, Served(|it| vec![http10(it.body()), Close])),
    row("too short a length", Cuts, Served(|it| vec![with_length(it, "9")])),
    row("too great a length", Cuts, Served(|it| vec![with_length(it, "99999"), Close])),
    row("a length that is no number", Either, Served(|it| vec![with_length(it, "many"), Close])),
    row("a length below zero", Either, Served(|it| vec![with_length(it, "-1"), Close])),
    row("two lengths", Either, Served(|it| vec![with_length(it, "9\r\ncontent-length: 12"), Close])),
    row(
        "chunks and a length",
        Either,
        Served(|it| vec![with_length(it, "9\r\ntransfer-encoding: chunked"), Close]),
    ),
    row("chunks of no size", Cuts, Instead(|_| vec![chunked(), text("zz\r\n{}\r\n0\r\n\r\n"), Close])),
    row(
        "chunks larger than any memory",
        Cuts,
        Instead(|_| vec![chunked(), text("ffffffffffffffff\r\n{}\r\n"), Stall]),
    ),
    row("chunks that break off", Cuts, Instead(|_| vec![chunked(), text("ff\r\n{"), Close])),
    row(
        "a hint, then the answer",
        Harmless,
        Served(|it| vec![text("HTTP/1.1 103 Early Hints\r\n\r\n"), whole(it)]),
    ),
    row(
        "compressed, it says",
        Either,
        Served(|it| vec![with_length(it, &format!("{}\r\ncontent-encoding: gzip", it.body().len()))]),
    ),
    // HTTP that says something else.
    row("no content", Cuts, Instead(|_| vec![text("HTTP/1.1 204 No Content\r\n\r\n")])),
    row("not modified", Cuts, Instead(|_| vec![text("HTTP/1.1 304 Not Modified\r\n\r\n")])),
    row("nothing", Cuts, Instead(|_| vec![answer("200 OK", "")])),
    row("an empty object", Cuts, Instead(|_| vec![answer("200 OK", "{}")])),
    row("null", Cuts, Instead(|_| vec![answer("200 OK", "null")])),
    row("JSON without a bottom", Cuts, Instead(|_| vec![answer("200 OK", &"[".repeat(200_000))])),
    row("a question's answer of great numbers", Cuts, Instead(|_| vec![answer("200 OK", GREAT)])),
    row(
        "text that is no text",
        Cuts,
        Instead(|_| vec![head("200 OK"), text("content-length: 2\r\n\r\n"), Bytes(vec![0xff, 0xfe])]),
    ),
    row("a wait of 31 years", PutsOff, Instead(|_| vec![wait("503 Service Unavailable", "999999999", HTML)])),
    row(
        "a wait beyond all numbers",
        Cuts,
        Instead(|_| vec![wait("429 Too Many Requests", "99999999999999999999999", HTML)]),
    ),
    row(
        "overloaded, for 31 years",
        PutsOff,
        Instead(|_| vec![said(503, ErrorCode::Overloaded, Some(999_999_999))]),
    ),
    // Answers that nobody signed, or that somebody has changed.
    row("an unsigned revocation", Cuts, Instead(|_| vec![said(403, ErrorCode::LicenseRevoked, None)])),
    row("an unsigned release", Cuts, Instead(|_| vec![said(403, ErrorCode::ActivationReleased, None)])),
    row("an unknown key, it says", Cuts, Instead(|_| vec![said(404, ErrorCode::LicenseNotFound, None)])),
    row(
        "an unknown credential, it says",
        Cuts,
        Instead(|_| vec![said(401, ErrorCode::CredentialInvalid, None)]),
    ),
    row("a refusal that is not one", Cuts, Instead(|_| vec![forged()])),
    row("a changed signature", Cuts, Served(|it| vec![changed(it, |length| length - 20)])),
    row("a changed statement", Cuts, Served(|it| vec![changed(it, |length| length / 2)])),
];

const fn row(name: &'static str, effect: Effect, fault: Fault) -> Row {
    Row { name, fault, effect }
}

const HTML: &str =
    "<!doctype html><title>Welcome</title><form action=/login>Please sign in to this network</form>";
const GREAT: &str = r#"{"rev": 18446744073709551615, "within_ms": 18446744073709551615}"#;

fn text(text: &str) -> Piece {
    Bytes(text.as_bytes().to_vec())
}

fn head(status: &str) -> Piece {
    text(&format!("HTTP/1.1 {status}\r\n"))
}

fn chunked() -> Piece {
    text("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
}

fn answer(status: &str, body: &str) -> Piece {
    text(&format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len()))
}

fn html(status: &str) -> Piece {
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n", HTML.len());
    text(&(head + HTML))
}

fn redirect(status: &str, to: &str) -> Piece {
    text(&format!("HTTP/1.1 {status}\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"))
}

fn wait(status: &str, seconds: &str, body: &str) -> Piece {
    text(&format!(
        "HTTP/1.1 {status}\r\nretry-after: {seconds}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ))
}

/// A problem document without a signature.
fn said(status: u16, code: ErrorCode, wait: Option<u64>) -> Piece {
    let mut problem = problem(code);
    problem["retry_after_s"] = wait.into();
    answer(&format!("{status} X"), &problem.to_string())
}

/// A problem document with a statement that nobody signed.
fn forged() -> Piece {
    let mut problem = problem(ErrorCode::LicenseRevoked);
    problem["statement"] = "eyJhbGciOiJub25lIn0.eyJjb2RlIjoibGljZW5zZV9yZXZva2VkIn0.".into();
    answer("403 X", &problem.to_string())
}

fn whole(it: &Genuine<'_>) -> Piece {
    Bytes(it.bytes.to_vec())
}

fn first(it: &Genuine<'_>, bytes: usize) -> Piece {
    Bytes(it.bytes[..bytes.min(it.bytes.len() - 1)].to_vec())
}

fn but_last(it: &Genuine<'_>) -> Piece {
    first(it, it.bytes.len())
}

fn http10(body: &[u8]) -> Piece {
    Bytes([b"HTTP/1.0 200 OK\r\n\r\n", body].concat())
}

/// The body under another length.
fn with_length(it: &Genuine<'_>, length: &str) -> Piece {
    Bytes([format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n").as_bytes(), it.body()].concat())
}

/// What another path was answered; what nobody could mean where there was none.
fn other(it: &Genuine<'_>) -> Piece {
    let found = it.past.iter().rfind(|(path, _)| path != it.path);
    found.map_or_else(|| answer("200 OK", GREAT), |(_, answer)| Bytes(answer.clone()))
}

/// What this path was answered first.
fn oldest(it: &Genuine<'_>) -> Piece {
    let path = |path: &str| path.split('?').next().map(str::to_owned);
    let found = it.past.iter().find(|(past, _)| path(past) == path(it.path));
    found.map_or(Close, |(_, answer)| Bytes(answer.clone()))
}

/// One symbol of every statement, counted from its beginning, is another one.
fn changed(it: &Genuine<'_>, at: fn(usize) -> usize) -> Piece {
    let text = String::from_utf8_lossy(it.bytes);
    let parts = text.split('"').map(|part| {
        let mut bytes = part.as_bytes().to_vec();
        if part.starts_with("eyJ") {
            let at = at(bytes.len());
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        }
        bytes
    });
    Bytes(parts.collect::<Vec<_>>().join(&b'"'))
}
