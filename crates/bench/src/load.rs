//! The load: a thread that sends requests over many connections, and records the latency of each answer.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use super::connection::Connection;
use kaching_command::failure::Failure;

mod pacer;
mod result;

pub(super) use result::LoadResult;

/// The requests of one connection, and the check of its answers.
pub(super) trait Caller: Send + 'static {
    /// Writes the next request, or the same one again if it was not answered. Returns false if there is none.
    fn write_request(&mut self, request: &mut Vec<u8>) -> bool;

    /// Checks the answer.
    ///
    /// # Errors
    /// With the reason if the answer is wrong.
    fn check_answer(&mut self, status: u16, body: &[u8]) -> Result<(), String>;
}

/// When requests are sent, and which answers count.
#[derive(Clone, Copy, Debug)]
pub(super) enum LoadPattern {
    /// Each connection sends its next request after its last answer. Answers count after a warm-up of a quarter of the time.
    Closed(Duration),
    /// Requests are due at a fixed rate, whether or not answers arrive. A latency counts from the time at which its request
    /// was due.
    Open { span: Duration, rate: f64 },
    /// Each connection sends its requests until none is left.
    All,
}

impl LoadPattern {
    /// Returns the requests per second of an open loop.
    pub(super) fn offered(self) -> Option<f64> {
        match self {
            Self::Open { rate, .. } => Some(rate),
            Self::Closed(_) | Self::All => None,
        }
    }

    /// Returns the same as the end of a sentence.
    pub(super) fn each_second(self) -> String {
        self.offered().map_or_else(String::new, |rate| format!(", {rate:.0} a second"))
    }
}

/// The time that a load may take in addition to its own.
const PATIENCE: Duration = Duration::from_secs(60);
/// The time for which late requests of an open loop are still sent.
const LATE: Duration = Duration::from_secs(5);

/// Runs each caller on a connection of its own, and returns the callers with the result.
pub(super) async fn run<C: Caller>(
    to: SocketAddr,
    callers: Vec<C>,
    measure: LoadPattern,
) -> Result<(LoadResult, Vec<C>), Failure> {
    let failed = |error: std::io::Error| Failure::refused(format!("The load could not be started: {error}."));
    let (done, ended) = oneshot::channel();
    // One thread is enough, and leaves the most of the processors to the server.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let body = move || {
        // Nobody waits if the command was interrupted.
        let _ = done.send(runtime.block_on(run_callers(to, callers, measure)));
    };
    thread::Builder::new().name("load".to_owned()).spawn(body).map_err(failed)?;
    ended.await.map_err(|_| Failure::refused("The load ended without a result."))
}

async fn run_callers<C: Caller>(
    to: SocketAddr,
    callers: Vec<C>,
    measure: LoadPattern,
) -> (LoadResult, Vec<C>) {
    let (mut total, mut back) = (LoadResult::default(), Vec::new());
    let mut connections = Vec::with_capacity(callers.len());
    for caller in callers {
        match Connection::connect(to).await {
            Ok(connection) => connections.push((connection, caller)),
            Err(error) => {
                total.record_error(format!("no connection: {error}"));
                back.push(caller);
            }
        }
    }
    let window = TimeWindow::start(measure);
    let mut due_times = pacer::start(measure, window, connections.len());
    let mut tasks = JoinSet::new();
    for (connection, caller) in connections {
        tasks.spawn(run_caller(connection, caller, window, due_times.pop()));
    }
    let joined = tokio::time::timeout_at((window.until + PATIENCE).into(), async {
        while let Some(ended) = tasks.join_next().await {
            match ended {
                Ok((measured, caller)) => {
                    total.merge(measured);
                    back.push(caller);
                }
                Err(error) => total.record_error(error.to_string()),
            }
        }
    });
    if joined.await.is_err() {
        for _ in 0..tasks.len() {
            total.record_error("an answer did not come in time".to_owned());
        }
    }
    total.micros.sort_unstable();
    total.seconds = now().min(window.until).saturating_duration_since(window.from).as_secs_f64();
    (total, back)
}

/// The time in which answers count.
#[derive(Clone, Copy)]
struct TimeWindow {
    begin: Instant,
    from: Instant,
    until: Instant,
}

impl TimeWindow {
    fn start(measure: LoadPattern) -> Self {
        let begin = now();
        match measure {
            LoadPattern::Closed(span) | LoadPattern::Open { span, .. } => {
                Self { begin, from: begin + span / 4, until: begin + span / 4 + span }
            }
            LoadPattern::All => Self { begin, from: begin, until: begin + 5 * PATIENCE },
        }
    }

    fn counts(self, moment: Instant) -> bool {
        (self.from..self.until).contains(&moment)
    }
}

/// Sends requests and checks the answers until the time is up or none is left.
async fn run_caller<C: Caller>(
    mut connection: Connection,
    mut caller: C,
    window: TimeWindow,
    mut due_times: Option<mpsc::UnboundedReceiver<Instant>>,
) -> (LoadResult, C) {
    let mut measured = LoadResult::default();
    let mut request = Vec::with_capacity(2048);
    loop {
        // The latency counts from the time at which the request was due.
        let due = match &mut due_times {
            None => Some(now()).filter(|now| *now < window.until),
            Some(due_times) => due_times.recv().await,
        };
        let Some(due) = due else { return (measured, caller) };
        if due_times.is_some() && now() > window.until + LATE {
            measured.record_unanswered(window, due);
            continue;
        }
        request.clear();
        if !caller.write_request(&mut request) {
            return (measured, caller);
        }
        let checked = match connection.exchange(&request).await {
            Ok((429 | 503, _)) => {
                measured.record_shed(window, due);
                continue;
            }
            Ok((status, body)) => caller.check_answer(status, body),
            Err(error) => {
                measured.record_error(format!("the connection broke: {error}"));
                return (measured, caller);
            }
        };
        match checked {
            Err(what) => measured.record_error(what),
            Ok(()) => measured.record_answer(window, due, due_times.is_some()),
        }
    }
}

pub(super) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "this measures how long things take")]
    Instant::now()
}
