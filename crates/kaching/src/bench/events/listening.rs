use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, Write as _},
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use clap::Args;
use kaching_authority::{Clock as _, SystemClock};
use kaching_base::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::Semaphore,
    task::JoinSet,
};

use super::decode::{Decoder, Told, told};
use crate::failure::Failure;

/// Hold many streams for a measurement
#[derive(Args)]
pub(crate) struct Listening {
    /// The server
    #[arg(long)]
    to: SocketAddr,
    /// A file with a lease on each line
    #[arg(long)]
    leases: PathBuf,
}

/// What is told of a change, on one line: by how many microseconds each stream was later than it.
#[derive(Serialize, Deserialize)]
pub(super) struct Heard {
    /// The revision; 0 when all streams are open.
    pub(super) revision: u64,
    pub(super) micros: Vec<u64>,
    /// What went wrong first.
    pub(super) error: Option<String>,
}

/// So many streams are opened at once.
const OPENING: usize = 128;

impl Listening {
    /// Listens until its input ends; each line of it asks for what was heard so far.
    pub(in super::super) async fn run(self) -> Result<(), Failure> {
        let text = std::fs::read_to_string(&self.leases)
            .map_err(|error| Failure::refused(format!("The leases cannot be read: {error}.")))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let to = self.to;
        let (ask, mut asked) = tokio::sync::mpsc::unbounded_channel();
        std::thread::spawn(move || io::stdin().lock().lines().try_for_each(|_| ask.send(())));
        let streams = move || {
            runtime.block_on(async {
                let shared = Arc::new(Shared::new(text.lines().count()));
                let mut tasks = JoinSet::new();
                for lease in text.lines() {
                    tasks.spawn(listen(to, lease.to_owned(), Arc::clone(&shared)));
                }
                while let Some(()) = asked.recv().await {
                    shared.tell_rest();
                }
            });
        };
        let done = std::thread::Builder::new().name("streams".to_owned()).spawn(streams)?;
        tokio::task::spawn_blocking(move || done.join())
            .await
            .map(drop)
            .map_err(|error| Failure::refused(error.to_string()))
    }
}

/// What all streams have heard.
struct Shared {
    count: usize,
    opening: Semaphore,
    heard: Mutex<State>,
}

#[derive(Default)]
struct State {
    open: usize,
    /// The last event, which is the same on all streams, and what it tells.
    last: (Vec<u8>, Option<Told>),
    /// When each revision came to be: whoever looked anew is not told.
    at: BTreeMap<u64, Timestamp>,
    by_revision: BTreeMap<u64, Vec<u64>>,
    error: Option<String>,
}

impl Shared {
    fn new(count: usize) -> Self {
        Self { count, opening: Semaphore::new(OPENING), heard: Mutex::default() }
    }

    /// A stream had an event.
    fn event(&self, data: &[u8], first: bool) {
        let came = SystemClock.now();
        let mut state = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        if first {
            state.open += 1;
            if state.open == self.count {
                tell(&Heard { revision: 0, micros: Vec::new(), error: None });
            }
            return;
        }
        if state.last.0 != data {
            state.last = (data.to_vec(), told(data));
        }
        let Some(Told { revision, at }) = state.last.1 else { return };
        let Some(at) = at.or_else(|| state.at.get(&revision).copied()) else { return };
        state.at.insert(revision, at);
        let late = u64::try_from(came.micros() - at.micros()).unwrap_or_default();
        let heard = state.by_revision.entry(revision).or_default();
        heard.push(late);
        if heard.len() == self.count {
            let micros = state.by_revision.remove(&revision).unwrap_or_default();
            tell(&Heard { revision, micros, error: None });
        }
    }

    fn wrong(&self, what: String) {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).error.get_or_insert(what);
    }

    /// Tells what only some have heard.
    fn tell_rest(&self) {
        let mut state = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let error = state.error.clone();
        let (revision, micros) = state.by_revision.pop_last().unwrap_or_default();
        tell(&Heard { revision, micros, error });
    }
}

fn tell(heard: &Heard) {
    let mut out = io::stdout().lock();
    // Whoever measured is gone where nobody reads this.
    let _ = serde_json::to_writer(&mut out, heard).map_err(io::Error::from).and_then(|()| {
        out.write_all(b"\n")?;
        out.flush()
    });
}

async fn listen(to: SocketAddr, lease: String, shared: Arc<Shared>) {
    if let Err(error) = stream(to, &lease, &shared).await {
        shared.wrong(error);
    }
}

async fn stream(to: SocketAddr, lease: &str, shared: &Shared) -> Result<(), String> {
    let mut place = Some(shared.opening.acquire().await.map_err(|error| error.to_string())?);
    let mut stream = TcpStream::connect(to).await.map_err(|error| format!("no connection: {error}"))?;
    let request = format!(
        "GET /v1/events HTTP/1.1\r\nhost: authority\r\naccept: text/event-stream\r\nauthorization: Bearer {lease}\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.map_err(|error| error.to_string())?;
    drop(request);
    let mut decoder = Decoder::default();
    loop {
        let read = stream.read_buf(decoder.raw()).await.map_err(|error| error.to_string())?;
        if read == 0 {
            return Err("the server ended the stream".to_owned());
        }
        decoder.events(|data| {
            let first = place.take().is_some();
            shared.event(data, first);
        })?;
    }
}
