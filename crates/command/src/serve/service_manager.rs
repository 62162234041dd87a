//! Reports to the service manager that started this process, if one did (sd_notify(3)).

use std::{
    env, io,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    pin::pin,
    time::Duration,
};

/// The interval at which a start that takes long asks for more time, and the time that it asks for.
const START_STEP: Duration = Duration::from_secs(10);
const START_MORE: Duration = Duration::from_secs(60);

/// The service manager, or nobody.
pub(super) struct ServiceManager {
    socket: Option<UnixDatagram>,
    /// The time within which it expects a sign of life.
    watchdog: Option<Duration>,
}

impl ServiceManager {
    /// Connects to the service manager that the environment names.
    pub(super) fn of_process() -> Self {
        let socket = env::var_os("NOTIFY_SOCKET").filter(|path| !path.is_empty()).map(PathBuf::from);
        let socket = socket.and_then(|path| match connect(&path) {
            Ok(socket) => Some(socket),
            Err(error) => {
                tracing::warn!(%error, "the service manager at NOTIFY_SOCKET ({}) is not reached", path.display());
                None
            }
        });
        Self { socket, watchdog: watchdog() }
    }

    /// The time within which the service manager expects the next [`alive`](Self::alive). `None` if it does not wait for any.
    pub(super) fn watchdog(&self) -> Option<Duration> {
        self.watchdog.filter(|_| self.socket.is_some())
    }

    /// Waits for the opening of the authority, and asks for more time as long as that lasts: a new version changes every
    /// row of a large database, and the start after an end in the middle would begin again.
    pub(super) async fn while_opening<T>(&self, opening: impl Future<Output = T>) -> T {
        let mut opening = pin!(opening);
        let mut steps = tokio::time::interval(START_STEP);
        loop {
            tokio::select! {
                opened = &mut opening => return opened,
                _ = steps.tick() => {
                    let more = START_MORE.as_micros();
                    self.send(&format!("STATUS=Opens the database\nEXTEND_TIMEOUT_USEC={more}"));
                }
            }
        }
    }

    /// Reports that the server serves at this URL.
    pub(super) fn ready(&self, url: &str) {
        self.send(&format!("READY=1\nSTATUS=Serves products on {url}"));
    }

    /// Reports that the server is going to stop, in this time at most.
    pub(super) fn stopping(&self, longest: Duration) {
        self.send(&format!("STOPPING=1\nSTATUS=Stops\nEXTEND_TIMEOUT_USEC={}", longest.as_micros()));
    }

    /// Reports that the process works.
    pub(super) fn alive(&self) {
        self.send("WATCHDOG=1");
    }

    fn send(&self, state: &str) {
        if let Some(socket) = &self.socket
            && let Err(error) = socket.send(state.as_bytes())
        {
            tracing::warn!(%error, "the service manager was not reached");
        }
    }
}

fn connect(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    // A service manager that does not read must not hold up the server.
    socket.set_write_timeout(Some(Duration::from_secs(1)))?;
    socket.connect(path)?;
    Ok(socket)
}

/// Returns the time of the environment, which may be for another process than this one (sd_watchdog_enabled(3)).
fn watchdog() -> Option<Duration> {
    let number = |name: &str| env::var_os(name)?.to_str()?.parse::<u64>().ok();
    let ours = number("WATCHDOG_PID").is_none_or(|process| process == u64::from(std::process::id()));
    number("WATCHDOG_USEC").filter(|time| ours && *time > 0).map(Duration::from_micros)
}
