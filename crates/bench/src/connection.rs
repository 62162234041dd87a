//! A minimal HTTP/1.1 client: the load shares the processors with the server, so it must cost little.

use std::{
    io::{self, Write as _},
    net::SocketAddr,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

/// A keep-alive connection.
pub(super) struct Connection {
    stream: TcpStream,
    answer: Vec<u8>,
}

/// The longest body that is read. Lists of two hundred items are shorter.
const LONGEST: usize = 1024 * 1024;

/// Writes a request with a JSON body.
pub(super) fn post(request: &mut Vec<u8>, path: &str, authorization: Option<&str>, body: &[u8]) {
    request.extend_from_slice(b"POST ");
    request.extend_from_slice(path.as_bytes());
    request.extend_from_slice(b" HTTP/1.1\r\nhost: authority\r\ncontent-type: application/json\r\n");
    if let Some(authorization) = authorization {
        request.extend_from_slice(b"authorization: ");
        request.extend_from_slice(authorization.as_bytes());
        request.extend_from_slice(b"\r\n");
    }
    write!(request, "content-length: {}\r\n\r\n", body.len()).expect("writing to memory does not fail");
    request.extend_from_slice(body);
}

/// Writes a request that only reads.
pub(super) fn get(request: &mut Vec<u8>, path: &str, authorization: &str) {
    write!(request, "GET {path} HTTP/1.1\r\nhost: authority\r\nauthorization: {authorization}\r\n\r\n")
        .expect("writing to memory does not fail");
}

/// Checks the status of an answer.
///
/// # Errors
/// With the status and the body if the status differs.
pub(super) fn expect(wanted: u16, status: u16, body: &[u8]) -> Result<(), String> {
    if status == wanted { Ok(()) } else { Err(format!("{status}: {}", String::from_utf8_lossy(body))) }
}

impl Connection {
    pub(super) async fn connect(to: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::with_capacity(4096) })
    }

    /// Sends a request and reads its answer: the status and the body.
    pub(super) async fn exchange(&mut self, request: &[u8]) -> io::Result<(u16, &[u8])> {
        self.stream.write_all(request).await?;
        self.answer.clear();
        let mut head = None;
        loop {
            if self.stream.read_buf(&mut self.answer).await? == 0 {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it ended within an answer"));
            }
            if head.is_none() {
                head = Head::read(&self.answer)?;
            }
            if let Some(Head { status, body, end }) = head
                && self.answer.len() >= end
            {
                return Ok((status, &self.answer[body..end]));
            }
        }
    }
}

/// The position of the body in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    body: usize,
    end: usize,
}

impl Head {
    /// Returns `None` until the head is complete.
    fn read(answer: &[u8]) -> io::Result<Option<Self>> {
        let Some(length) = answer.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
        let text = std::str::from_utf8(&answer[..length]).unwrap_or_default();
        let mut lines = text.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
        let body = lines.find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse::<usize>().ok())?
        });
        match (status, body) {
            (Some(status), Some(body)) if body <= LONGEST => {
                Ok(Some(Self { status, body: length + 4, end: length + 4 + body }))
            }
            _ => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the answer has no status and length that this load expects",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_found_when_its_head_is_complete() {
        let answer = b"HTTP/1.1 201 Created\r\nx: y\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(Head::read(&answer[..40]).unwrap(), None);
        let head = Head::read(answer).unwrap().unwrap();
        assert_eq!((head.status, &answer[head.body..head.end]), (201, b"{}".as_slice()));
        assert!(Head::read(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").is_err());
    }
}
