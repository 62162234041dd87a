//! The load: a thread of its own that asks over many connections, and writes down how long each answer took.

use std::{
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use tokio::{sync::oneshot, task::JoinSet};

use super::wire::Wire;
use crate::failure::Failure;

/// One connection's part: what it asks, and what it makes of the answers.
pub(super) trait Caller: Send + 'static {
    /// Writes the next request; false where there is none.
    fn ask(&mut self, request: &mut Vec<u8>) -> bool;

    /// Looks at the answer.
    ///
    /// # Errors
    /// With what is wrong with it.
    fn hear(&mut self, status: u16, body: &[u8]) -> Result<(), String>;
}

/// Which answers count.
#[derive(Clone, Copy)]
pub(super) enum Measure {
    /// Those that come in so long, after a quarter of that to run warm.
    For(Duration),
    /// All, until there is nothing left to ask.
    All,
}

/// What came of it.
#[derive(Default)]
pub(super) struct Measured {
    /// How long each answer took, in microseconds; sorted.
    pub(super) micros: Vec<u32>,
    pub(super) seconds: f64,
    pub(super) errors: u64,
    /// What was wrong first.
    pub(super) error: Option<String>,
}

/// No load lasts longer than this beyond what was asked for.
const PATIENCE: Duration = Duration::from_secs(60);

impl Measured {
    /// Answers in a second.
    pub(super) fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "so many answers never come")]
        let count = self.micros.len() as f64;
        if self.seconds > 0.0 { count / self.seconds } else { 0.0 }
    }

    /// The milliseconds within which this many of a thousand answers came.
    pub(super) fn within(&self, of_thousand: usize) -> f64 {
        let at = (self.micros.len() * of_thousand).div_ceil(1000).saturating_sub(1);
        self.micros.get(at).map_or(0.0, |micros| f64::from(*micros) / 1000.0)
    }

    fn wrong(&mut self, what: String) {
        self.errors += 1;
        self.error.get_or_insert(what);
    }
}

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
    let clock = Clock::start(measure);
    let mut talks = JoinSet::new();
    for caller in callers {
        talks.spawn(talk(to, caller, clock));
    }
    let (mut total, mut back) = (Measured::default(), Vec::new());
    let joined = tokio::time::timeout_at((clock.until + PATIENCE).into(), async {
        while let Some(talk) = talks.join_next().await {
            match talk {
                Ok((mut measured, caller)) => {
                    total.micros.append(&mut measured.micros);
                    total.errors += measured.errors;
                    total.error = total.error.take().or(measured.error);
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
    from: Instant,
    until: Instant,
}

impl Clock {
    fn start(measure: Measure) -> Self {
        let now = now();
        match measure {
            Measure::For(span) => Self { from: now + span / 4, until: now + span / 4 + span },
            Measure::All => Self { from: now, until: now + 5 * PATIENCE },
        }
    }
}

/// Asks and hears until the time is up or there is nothing left to ask.
async fn talk<C: Caller>(to: SocketAddr, mut caller: C, clock: Clock) -> (Measured, C) {
    let mut measured = Measured::default();
    let mut wire = match Wire::connect(to).await {
        Ok(wire) => wire,
        Err(error) => {
            measured.wrong(format!("no connection: {error}"));
            return (measured, caller);
        }
    };
    let mut request = Vec::with_capacity(2048);
    loop {
        request.clear();
        let sent = now();
        if sent >= clock.until || !caller.ask(&mut request) {
            return (measured, caller);
        }
        let heard = match wire.exchange(&request).await {
            Ok((status, body)) => caller.hear(status, body),
            Err(error) => {
                measured.wrong(format!("the connection broke: {error}"));
                return (measured, caller);
            }
        };
        let came = now();
        match heard {
            Err(what) => measured.wrong(what),
            Ok(()) if came >= clock.from && came < clock.until => {
                measured.micros.push(u32::try_from((came - sent).as_micros()).unwrap_or(u32::MAX));
            }
            Ok(()) => {}
        }
    }
}

pub(super) fn now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "this measures how long things take")]
    Instant::now()
}
