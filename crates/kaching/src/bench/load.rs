//! The load: a thread of its own that asks over many connections, and writes down how long each answer took.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use super::wire::Wire;
use crate::failure::Failure;

mod measured;
mod turns;

pub(super) use measured::Measured;

/// One connection's part: what it asks, and what it makes of the answers.
pub(super) trait Caller: Send + 'static {
    /// Writes the next request; false where there is none. What was not answered is asked again.
    fn ask(&mut self, request: &mut Vec<u8>) -> bool;

    /// Looks at the answer.
    ///
    /// # Errors
    /// With what is wrong with it.
    fn hear(&mut self, status: u16, body: &[u8]) -> Result<(), String>;
}

/// When is asked, and which answers count.
#[derive(Clone, Copy, Debug)]
pub(super) enum Measure {
    /// Each connection asks when it was answered; what comes in so long, after a quarter of that to run warm.
    Closed(Duration),
    /// So many are asked in a second whether or not the answers come, each at its time; a late one counts from then.
    Open { span: Duration, rate: f64 },
    /// All, until there is nothing left to ask.
    All,
}

impl Measure {
    /// What an open loop offers in a second.
    pub(super) fn offered(self) -> Option<f64> {
        match self {
            Self::Open { rate, .. } => Some(rate),
            Self::Closed(_) | Self::All => None,
        }
    }

    /// The same in words, behind others.
    pub(super) fn each_second(self) -> String {
        self.offered().map_or_else(String::new, |rate| format!(", {rate:.0} a second"))
    }
}

/// No load lasts longer than this beyond what was asked for.
const PATIENCE: Duration = Duration::from_secs(60);
/// For so long what is late in an open loop is still answered.
const LATE: Duration = Duration::from_secs(5);

/// Lets each caller ask over a connection of its own, and gives them back with what was measured.
pub(super) async fn run<C: Caller>(
    to: SocketAddr,
    callers: Vec<C>,
    measure: Measure,
) -> Result<(Measured, Vec<C>), Failure> {
    let failed =
        |error: std::io::Error| Failure::refused(format!("The load could not be made here: {error}."));
    let (done, ended) = oneshot::channel();
    // One thread is enough, and takes the least from what is measured.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let body = move || {
        // Nobody waits any more where the command was interrupted.
        let _ = done.send(runtime.block_on(all(to, callers, measure)));
    };
    thread::Builder::new().name("load".to_owned()).spawn(body).map_err(failed)?;
    ended.await.map_err(|_| Failure::refused("The load ended without a result."))
}

async fn all<C: Caller>(to: SocketAddr, callers: Vec<C>, measure: Measure) -> (Measured, Vec<C>) {
    let (mut total, mut back) = (Measured::default(), Vec::new());
    let mut wires = Vec::with_capacity(callers.len());
    for caller in callers {
        match Wire::connect(to).await {
            Ok(wire) => wires.push((wire, caller)),
            Err(error) => {
                total.wrong(format!("no connection: {error}"));
                back.push(caller);
            }
        }
    }
    let clock = Clock::start(measure);
    let mut turns = turns::given(measure, clock, wires.len());
    let mut talks = JoinSet::new();
    for (wire, caller) in wires {
        talks.spawn(talk(wire, caller, clock, turns.pop()));
    }
    let joined = tokio::time::timeout_at((clock.until + PATIENCE).into(), async {
        while let Some(talk) = talks.join_next().await {
            match talk {
                Ok((measured, caller)) => {
                    total.take(measured);
                    back.push(caller);
                }
                Err(error) => total.wrong(error.to_string()),
            }
        }
    });
    if joined.await.is_err() {
        for _ in 0..talks.len() {
            total.wrong("an answer did not come in time".to_owned());
        }
    }
    total.micros.sort_unstable();
    total.seconds = now().min(clock.until).saturating_duration_since(clock.from).as_secs_f64();
    (total, back)
}

/// When answers count.
#[derive(Clone, Copy)]
struct Clock {
    begin: Instant,
    from: Instant,
    until: Instant,
}

impl Clock {
    fn start(measure: Measure) -> Self {
        let begin = now();
        match measure {
            Measure::Closed(span) | Measure::Open { span, .. } => {
                Self { begin, from: begin + span / 4, until: begin + span / 4 + span }
            }
            Measure::All => Self { begin, from: begin, until: begin + 5 * PATIENCE },
        }
    }

    fn counts(self, moment: Instant) -> bool {
        (self.from..self.until).contains(&moment)
    }
}

/// Asks and hears until the time is up or there is nothing left to ask.
async fn talk<C: Caller>(
    mut wire: Wire,
    mut caller: C,
    clock: Clock,
    mut turns: Option<mpsc::UnboundedReceiver<Instant>>,
) -> (Measured, C) {
    let mut measured = Measured::default();
    let mut request = Vec::with_capacity(2048);
    loop {
        // In an open loop an answer is late from the moment on at which it should have been asked for.
        let meant = match &mut turns {
            None => Some(now()).filter(|now| *now < clock.until),
            Some(turns) => turns.recv().await,
        };
        let Some(meant) = meant else { return (measured, caller) };
        if turns.is_some() && now() > clock.until + LATE {
            measured.unanswered(clock, meant);
            continue;
        }
        request.clear();
        if !caller.ask(&mut request) {
            return (measured, caller);
        }
        let heard = match wire.exchange(&request).await {
            Ok((429 | 503, _)) => {
                measured.shed(clock, meant);
                continue;
            }
            Ok((status, body)) => caller.hear(status, body),
            Err(error) => {
                measured.wrong(format!("the connection broke: {error}"));
                return (measured, caller);
            }
        };
        match heard {
            Err(what) => measured.wrong(what),
            Ok(()) => measured.right(clock, meant, turns.is_some()),
        }
    }
}

pub(super) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "this measures how long things take")]
    Instant::now()
}
