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

use super::decoder::{ChangeEvent, Decoder, parse_event};
use kaching_command::failure::Failure;

/// Hold many streams for a measurement
#[derive(Args)]
pub struct HoldStreams {
    /// The server
    #[arg(long)]
    to: SocketAddr,
    /// A file with a lease on each line
    #[arg(long)]
    leases: PathBuf,
}

/// A report on one line: how many microseconds after a change each stream delivered it.
#[derive(Serialize, Deserialize)]
pub(super) struct DeliveryReport {
    /// The revision of the license. The report with 0 says that all streams are open.
    pub(super) revision: u64,
    pub(super) micros: Vec<u64>,
    /// The first error.
    pub(super) error: Option<String>,
}

/// The number of streams that are opened concurrently.
const OPENING: usize = 128;

impl HoldStreams {
    /// Holds the streams until the input ends. Each line of input asks for a report.
    pub(crate) async fn run(self) -> Result<(), Failure> {
        let text = std::fs::read_to_string(&self.leases)
            .map_err(|error| Failure::refused(format!("The leases cannot be read: {error}.")))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let to = self.to;
        let (ask, mut asked) = tokio::sync::mpsc::unbounded_channel();
        std::thread::spawn(move || io::stdin().lock().lines().try_for_each(|_| ask.send(())));
        let streams = move || {
            runtime.block_on(async {
                let shared = Arc::new(StreamRecorder::new(text.lines().count()));
                let mut tasks = JoinSet::new();
                for lease in text.lines() {
                    tasks.spawn(listen(to, lease.to_owned(), Arc::clone(&shared)));
                }
                while let Some(()) = asked.recv().await {
                    shared.report_unfinished();
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

/// The deliveries on all streams.
struct StreamRecorder {
    count: usize,
    opening: Semaphore,
    state: Mutex<StreamState>,
}

#[derive(Default)]
struct StreamState {
    open: usize,
    /// The last event, which is the same on all streams, and its decoded form.
    last: (Vec<u8>, Option<ChangeEvent>),
    /// The time of each revision. A stream that was resynchronized does not repeat it.
    at: BTreeMap<u64, Timestamp>,
    by_revision: BTreeMap<u64, Vec<u64>>,
    error: Option<String>,
}

impl StreamRecorder {
    fn new(count: usize) -> Self {
        Self { count, opening: Semaphore::new(OPENING), state: Mutex::default() }
    }

    /// Records an event of a stream.
    fn event(&self, data: &[u8], first: bool) {
        let came = SystemClock.now();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if first {
            state.open += 1;
            if state.open == self.count {
                print_report(&DeliveryReport { revision: 0, micros: Vec::new(), error: None });
            }
            return;
        }
        if state.last.0 != data {
            state.last = (data.to_vec(), parse_event(data));
        }
        let Some(ChangeEvent { revision, at }) = state.last.1 else { return };
        let Some(at) = at.or_else(|| state.at.get(&revision).copied()) else { return };
        state.at.insert(revision, at);
        let late = u64::try_from(came.micros() - at.micros()).unwrap_or_default();
        let latencies = state.by_revision.entry(revision).or_default();
        latencies.push(late);
        if latencies.len() == self.count {
            let micros = state.by_revision.remove(&revision).unwrap_or_default();
            print_report(&DeliveryReport { revision, micros, error: None });
        }
    }

    fn record_error(&self, what: String) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).error.get_or_insert(what);
    }

    /// Prints the newest revision that was not delivered on every stream.
    fn report_unfinished(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let error = state.error.clone();
        let (revision, micros) = state.by_revision.pop_last().unwrap_or_default();
        print_report(&DeliveryReport { revision, micros, error });
    }
}

fn print_report(report: &DeliveryReport) {
    let mut out = io::stdout().lock();
    // If nobody reads this, the measurement has ended.
    let _ = serde_json::to_writer(&mut out, report).map_err(io::Error::from).and_then(|()| {
        out.write_all(b"\n")?;
        out.flush()
    });
}

async fn listen(to: SocketAddr, lease: String, shared: Arc<StreamRecorder>) {
    if let Err(error) = stream(to, &lease, &shared).await {
        shared.record_error(error);
    }
}

async fn stream(to: SocketAddr, lease: &str, shared: &StreamRecorder) -> Result<(), String> {
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
