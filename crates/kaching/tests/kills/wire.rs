//! As much of HTTP/1.1 as it takes to ask an authority on this machine, in the open or through a proxy's TLS.

use std::{
    io::{self, BufRead as _, BufReader, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::Arc,
    time::Duration,
};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use serde_json::Value;

/// The address that those who come through a proxy have.
pub(crate) const CLIENT: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);

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

/// The destination of a connection.
#[derive(Clone)]
pub(crate) struct Target {
    address: SocketAddr,
    tls: Option<Arc<ClientConfig>>,
}

/// One connection at a time, which is kept.
pub(crate) struct Line {
    target: Target,
    patience: Duration,
    stream: Option<Incoming>,
}

/// The answers of a connection; requests go out below.
type Incoming = BufReader<Box<dyn Connection>>;

trait Connection: Read + Write + Send {}

impl<T: Read + Write + Send> Connection for T {}

/// The head of an answer.
struct Head {
    status: u16,
    length: usize,
    /// Whether it is the last of its connection.
    last: bool,
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

impl From<SocketAddr> for Target {
    fn from(address: SocketAddr) -> Self {
        Self { address, tls: None }
    }
}

impl Target {
    /// Through a proxy that shows this certificate, of `localhost`.
    pub(crate) fn over_tls(address: SocketAddr, certificate: &str) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(certificate).unwrap()).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self { address, tls: Some(Arc::new(config)) }
    }

    fn connect(&self, patience: Duration) -> io::Result<Incoming> {
        let ready = |stream: TcpStream| {
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(patience))?;
            io::Result::Ok(stream)
        };
        let Some(tls) = &self.tls else {
            return Ok(BufReader::new(Box::new(ready(TcpStream::connect(self.address)?)?)));
        };
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        bind(&socket, &SocketAddr::from((CLIENT, 0)))?;
        connect(&socket, &self.address)?;
        let name = ServerName::try_from("localhost").unwrap();
        let session = ClientConnection::new(Arc::clone(tls), name).map_err(io::Error::other)?;
        Ok(BufReader::new(Box::new(StreamOwned::new(session, ready(socket.into())?))))
    }
}

impl Line {
    pub(crate) fn to(target: impl Into<Target>) -> Self {
        Self { target: target.into(), patience: Duration::from_secs(20), stream: None }
    }

    /// One that waits longer for what is read.
    pub(crate) fn patient(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    pub(crate) fn ask(&mut self, call: &Call) -> io::Result<Answer> {
        let (Head { status, length, last }, mut stream) = self.send(call)?;
        let mut body = vec![0; length];
        stream.read_exact(&mut body)?;
        self.stream = Some(stream).filter(|_| !last);
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body)? };
        Ok(Answer { status, body })
    }

    /// Asks for what comes in chunks; the status, and what is read of them.
    pub(crate) fn open(mut self, call: &Call) -> io::Result<(u16, Chunks)> {
        let (head, stream) = self.send(call)?;
        Ok((head.status, Chunks(stream)))
    }

    fn send(&mut self, call: &Call) -> io::Result<(Head, Incoming)> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.target.connect(self.patience)?,
        };
        let Call { method, path, headers, body } = call;
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n", body.len());
        if !body.is_empty() {
            head.push_str("content-type: application/json\r\n");
        }
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        stream.get_mut().write_all(&[head.as_bytes(), b"\r\n", body].concat())?;
        stream.get_mut().flush()?;
        Ok((Head::read(&mut stream)?, stream))
    }
}

impl Head {
    fn read(stream: &mut Incoming) -> io::Result<Self> {
        let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let mut line = String::new();
        stream.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut)?;
        let mut head = Self { status, length: 0, last: false };
        loop {
            line.clear();
            stream.read_line(&mut line)?;
            let Some(header) = line.strip_suffix("\r\n") else { return Err(cut()) };
            let Some((name, value)) = header.split_once(": ") else { return Ok(head) };
            if name.eq_ignore_ascii_case("content-length") {
                head.length = value.parse().map_err(|_| cut())?;
            }
            head.last |= name.eq_ignore_ascii_case("connection") && value == "close";
        }
    }
}

/// An answer whose end is not known when it begins.
pub(crate) struct Chunks(Incoming);

impl Chunks {
    /// The next piece; none at the end, if it comes in good order.
    pub(crate) fn next(&mut self) -> io::Result<Option<String>> {
        let cut = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let mut size = String::new();
        self.0.read_line(&mut size)?;
        let size = usize::from_str_radix(size.trim_end(), 16).map_err(|_| cut())?;
        let mut piece = vec![0; size + "\r\n".len()];
        self.0.read_exact(&mut piece)?;
        piece.truncate(size);
        Ok(Some(String::from_utf8(piece).map_err(|_| cut())?).filter(|_| size > 0))
    }
}
