//! The limit of open files, since each connection is one.

use kaching_server::config::Config;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors for the database, the listeners and the log.
const OWN: u64 = 256;

/// Raises the limit to the maximum that the system allows, and returns it. `None` means unlimited.
pub fn raise() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current;
    }
    // If the system refuses, the present limit applies.
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(_) => current,
    }
}

/// Lowers the number of connections to the limit: beyond it, accepting connections and opening files would fail. Returns a
/// warning if that is fewer than the settings say.
pub(super) fn fit(config: &mut Config) -> Option<String> {
    let limit = raise()?;
    let most = u32::try_from(limit.saturating_sub(OWN).max(1)).unwrap_or(u32::MAX);
    let wanted = config.server.max_connections;
    if wanted <= most {
        return None;
    }
    config.server.max_connections = most;
    Some(format!(
        "this process may open {limit} files: it takes {most} connections rather than the {wanted} of \
         server.max_connections (raise the limit with LimitNOFILE= of systemd, or ulimit -n)"
    ))
}
