//! As much of HTTP/1.1 as it takes to ask an authority on this machine.

use std::{
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

use serde_json::Value;

/// A request, as it is sent again until it is answered.
pub(crate) struct Call {
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
}

/// An answer: its status, and its body as JSON, null where there is none.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
}

/// One connection at a time, which is kept.
pub(crate) struct Line {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Call {
    pub(crate) fn new(method: &'static str, path: impl Into<String>, body: &Value) -> Self {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        Self { method, path: path.into(), headers: Vec::new(), body }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl Line {
    pub(crate) fn to(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    pub(crate) fn ask(&mut self, call: &Call) -> io::Result<Answer> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(Duration::from_secs(20)))?;
                BufReader::new(stream)
            }
        };
        let Call { method, path, headers, body } = call;
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n", body.len());
        if !body.is_empty() {
            head.push_str("content-type: application/json\r\n");
        }
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        stream.get_mut().write_all(&[head.as_bytes(), b"\r\n", body].concat())?;
        let (answer, last) = read(&mut stream)?;
        self.stream = Some(stream).filter(|_| !last);
        Ok(answer)
    }
}

/// The answer, and whether it is the last of its connection.
fn read(stream: &mut BufReader<TcpStream>) -> io::Result<(Answer, bool)> {
    let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut)?;
    let (mut length, mut last) = (0, false);
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let Some(header) = line.strip_suffix("\r\n") else { return Err(cut()) };
        let Some((name, value)) = header.split_once(": ") else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.parse().map_err(|_| cut())?;
        }
        last |= name.eq_ignore_ascii_case("connection") && value == "close";
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    let body =
        if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).map_err(|_| cut())? };
    Ok((Answer { status, body }, last))
}
