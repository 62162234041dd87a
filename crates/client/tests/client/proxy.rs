//! The network between a client and its authority: it carries every exchange, and does to it what a test has set.

use std::{
    io::{BufReader, Read as _, Write as _},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Condvar, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use crate::{
    http::{Request, read},
    world::DEADLINE,
};

pub(crate) struct Proxy {
    address: String,
    wire: Arc<Wire>,
}

struct Wire {
    upstream: String,
    plan: Mutex<Plan>,
    changed: Condvar,
    closed: AtomicBool,
}

#[derive(Default)]
struct Plan {
    /// Of the paths that begin with this.
    fault: Option<(&'static str, Fault)>,
    /// Counts settings and liftings: what waits because of a fault waits until it is lifted.
    turn: u64,
    /// Exchanges that the present fault has met.
    met: usize,
    /// Every answer of the authority with its path, delivered or not.
    past: Vec<(String, Vec<u8>)>,
}

/// The course of an exchange.
#[derive(Clone, Copy)]
pub(crate) enum Fault {
    /// The authority never gets the request.
    LoseRequest,
    /// The authority gets half of the request.
    CutRequest,
    /// The authority gets the request twice; the second answer is delivered.
    DoubleRequest,
    /// The authority never gets the request, and this is answered.
    Instead(fn(&Genuine<'_>) -> Vec<Piece>),
    /// The authority has served it, and this becomes of its answer.
    Served(fn(&Genuine<'_>) -> Vec<Piece>),
}

/// The authority's answer, and the one before.
pub(crate) struct Genuine<'a> {
    pub(crate) path: &'a str,
    /// The whole answer; `None` if the authority never got the request.
    pub(crate) bytes: &'a [u8],
    /// Earlier answers with their paths, the oldest first.
    pub(crate) past: &'a [(String, Vec<u8>)],
}

/// One step of an answer. After the last one the connection stays open.
pub(crate) enum Piece {
    Bytes(Vec<u8>),
    /// One byte after the other, this long apart.
    Slowly(Vec<u8>, Duration),
    /// Again and again, until the client has had enough or the fault is lifted.
    Forever(&'static str),
    Pause(Duration),
    /// Nothing more comes; the connection closes when the fault is lifted.
    Stall,
    Close,
    Reset,
}

impl Proxy {
    /// In front of the authority at this URL.
    pub(crate) fn before(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let wire = Arc::new(Wire {
            upstream: url.trim_start_matches("http://").to_owned(),
            plan: Mutex::default(),
            changed: Condvar::new(),
            closed: AtomicBool::new(false),
        });
        let listening = Arc::clone(&wire);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if listening.closed.load(Ordering::SeqCst) {
                    return;
                }
                let wire = Arc::clone(&listening);
                thread::spawn(move || wire.carry(&client));
            }
        });
        Self { address, wire }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on this becomes of every exchange whose path begins so.
    pub(crate) fn set(&self, paths: &'static str, fault: Fault) {
        self.turn(Some((paths, fault)));
    }

    /// From now on everything goes through.
    pub(crate) fn lift(&self) {
        self.turn(None);
    }

    fn turn(&self, fault: Option<(&'static str, Fault)>) {
        let mut plan = self.wire.plan();
        (plan.fault, plan.met) = (fault, 0);
        plan.turn += 1;
        drop(plan);
        self.wire.changed.notify_all();
    }

    /// Waits until the present fault has met so many exchanges.
    pub(crate) fn until_met(&self, times: usize) {
        let waited =
            self.wire.changed.wait_timeout_while(self.wire.plan(), DEADLINE, |plan| plan.met < times);
        assert!(waited.unwrap().0.met >= times, "the fault met nothing");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.wire.closed.store(true, Ordering::SeqCst);
        self.lift();
        let _ = TcpStream::connect(&self.address);
    }
}

impl Wire {
    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap()
    }

    /// Carries the exchanges of one connection, until it is to be closed.
    fn carry(&self, client: &TcpStream) -> Option<()> {
        client.set_nodelay(true).unwrap();
        let mut reader = BufReader::new(client);
        loop {
            let request = read(&mut reader)?;
            let (fault, turn) = self.meet(&request.path);
            let pieces = match fault {
                Some(Fault::LoseRequest) => return None,
                Some(Fault::CutRequest) => {
                    let whole = bytes(&request);
                    self.ask(&whole[..whole.len() / 2]);
                    return None;
                }
                Some(Fault::Instead(pieces)) => self.answered(&request, Vec::new(), pieces),
                Some(Fault::Served(pieces)) => {
                    let answer = self.ask(&bytes(&request))?;
                    self.answered(&request, answer, pieces)
                }
                Some(Fault::DoubleRequest) => {
                    self.ask(&bytes(&request))?;
                    self.answered(&request, self.ask(&bytes(&request))?, whole)
                }
                None if is_stream(&request) => return self.pass_on(client, &bytes(&request), turn),
                None => self.answered(&request, self.ask(&bytes(&request))?, whole),
            };
            pieces.into_iter().try_for_each(|piece| self.play(client, piece, turn))?;
        }
    }

    /// Delivers an answer in its course, and keeps it for replays.
    fn answered(
        &self,
        request: &Request,
        answer: Vec<u8>,
        pieces: fn(&Genuine<'_>) -> Vec<Piece>,
    ) -> Vec<Piece> {
        let past = self.plan().past.clone();
        let pieces = pieces(&Genuine { path: &request.path, bytes: &answer, past: &past });
        if !answer.is_empty() {
            self.plan().past.push((request.path.clone(), answer));
        }
        pieces
    }

    /// The fault that an exchange meets, and until which turn it lasts.
    fn meet(&self, path: &str) -> (Option<Fault>, u64) {
        let mut plan = self.plan();
        let fault = plan.fault.filter(|(paths, _)| path.starts_with(paths)).map(|(_, fault)| fault);
        plan.met += usize::from(fault.is_some());
        self.changed.notify_all();
        (fault, plan.turn)
    }

    /// The authority's answer to these bytes; nothing if it gives none.
    fn ask(&self, request: &[u8]) -> Option<Vec<u8>> {
        let mut authority = TcpStream::connect(&self.upstream).ok()?;
        authority.write_all(request).ok()?;
        authority.shutdown(Shutdown::Write).ok()?;
        let mut answer = Vec::new();
        // Of a stream, no more than what comes first: its end is far.
        let streams = request.windows(STREAM.len()).any(|path| path == STREAM.as_bytes());
        let mut buffer = [0; 4096];
        while let Some(read) = authority.read(&mut buffer).ok().filter(|read| *read > 0) {
            answer.extend_from_slice(&buffer[..read]);
            if streams && answer.windows(2).any(|end| end == b"\n\n") {
                break;
            }
        }
        (!answer.is_empty()).then_some(answer)
    }

    /// Passes on what comes of a stream, until the network changes.
    fn pass_on(&self, mut client: &TcpStream, request: &[u8], turn: u64) -> Option<()> {
        let mut authority = TcpStream::connect(&self.upstream).ok()?;
        authority.write_all(request).ok()?;
        let mut buffer = [0; 4096];
        // The authority's pings let it look again and again.
        while self.plan().turn == turn {
            let read = authority.read(&mut buffer).ok().filter(|read| *read > 0)?;
            client.write_all(&buffer[..read]).ok()?;
        }
        None
    }

    /// Takes one step of an answer; `None` where the connection is to be closed.
    fn play(&self, mut client: &TcpStream, piece: Piece, turn: u64) -> Option<()> {
        match piece {
            Piece::Bytes(bytes) => client.write_all(&bytes).ok(),
            Piece::Slowly(bytes, apart) => bytes.iter().try_for_each(|byte| {
                client.write_all(&[*byte]).ok()?;
                self.wait(turn, apart).then_some(())
            }),
            Piece::Forever(text) => loop {
                client.write_all(text.as_bytes()).ok()?;
                if !self.wait(turn, Duration::from_millis(1)) {
                    return None;
                }
            },
            Piece::Pause(time) => {
                self.wait(turn, time);
                Some(())
            }
            Piece::Stall => {
                self.wait(turn, Duration::MAX);
                None
            }
            Piece::Close => None,
            Piece::Reset => {
                rustix::net::sockopt::set_socket_linger(client, Some(Duration::ZERO)).unwrap();
                None
            }
        }
    }

    /// Waits, and returns whether the fault of this turn is still on.
    fn wait(&self, turn: u64, time: Duration) -> bool {
        let plan = self.plan();
        let waited = self.changed.wait_timeout_while(plan, time, |plan| plan.turn == turn);
        waited.unwrap().0.turn == turn
    }
}

const STREAM: &str = "GET /v1/events ";

fn is_stream(request: &Request) -> bool {
    request.path == "/v1/events"
}

/// As it is.
fn whole(it: &Genuine<'_>) -> Vec<Piece> {
    vec![Piece::Bytes(it.bytes.to_vec())]
}

fn bytes(request: &Request) -> Vec<u8> {
    let Request { method, path, authorization, body } = request;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nauthorization: {authorization}\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

impl Genuine<'_> {
    pub(crate) fn body(&self) -> &[u8] {
        let head = self.bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap();
        &self.bytes[head + 4..]
    }
}
