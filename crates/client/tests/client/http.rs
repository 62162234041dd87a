//! As much of HTTP/1.1 as the client speaks.

use std::io::{BufRead, BufReader, Read, Write};

use kaching_client::simulation::Carried;

/// A request, whole.
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) authorization: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// A request that a test carries.
    pub(crate) fn carried(sent: &Carried<'_>) -> Self {
        Self {
            method: sent.method().to_owned(),
            path: sent.path().to_owned(),
            authorization: sent.authorization().unwrap_or_default().to_owned(),
            body: sent.body().to_vec(),
        }
    }
}

/// The answer to a request.
pub(crate) enum Answer {
    /// A status and a body.
    Whole(u16, String),
    /// The connection closes instead.
    Nothing,
    /// Events, as long as there are any; then the connection closes.
    Stream(Box<dyn FnMut() -> Option<String>>),
    /// The head of a stream and this much of it, and no more; then this is done once the client has closed.
    Held(String, Box<dyn FnOnce()>),
}

/// Serves the requests of one connection.
pub(crate) fn serve(stream: impl Read + Write, answer: impl Fn(Request) -> Answer) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        let (status, body) = match answer(request) {
            Answer::Whole(status, body) => (status, body),
            Answer::Nothing => return,
            Answer::Stream(events) => return send(reader.get_mut(), std::iter::from_fn(events)),
            Answer::Held(text, closed) => {
                send(reader.get_mut(), std::iter::once(text));
                while reader.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
                return closed();
            }
        };
        let writer = reader.get_mut();
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
        if status == 204 {
            let _ = writer.write_all(b"HTTP/1.1 204 X\r\n\r\n");
        } else if writer.write_all(format!("{head}{body}").as_bytes()).is_err() {
            return;
        }
    }
}

fn send(writer: &mut impl Write, events: impl Iterator<Item = String>) {
    let head = "HTTP/1.1 200 X\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    let chunks = events.filter(|event| !event.is_empty());
    let chunks = chunks.map(|event| format!("{:x}\r\n{event}\r\n", event.len()));
    for piece in std::iter::once(head.to_owned()).chain(chunks) {
        if writer.write_all(piece.as_bytes()).is_err() {
            return;
        }
    }
}

/// Reads the next request; `None` where the connection ends.
pub(crate) fn read(reader: &mut impl BufRead) -> Option<Request> {
    let first = line(reader)?;
    let (method, rest) = first.split_once(' ')?;
    let (path, _) = rest.split_once(' ')?;
    let (mut length, mut authorization) = (0, String::new());
    loop {
        let header = line(reader)?;
        let Some((name, value)) = header.split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "authorization" => authorization = value.trim().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method: method.to_owned(), path: path.to_owned(), authorization, body })
}

fn line(reader: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    line.strip_suffix("\r\n").map(str::to_owned)
}
