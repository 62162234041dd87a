//! How many files this process may open: each connection is one.

use kaching_server::config::Config;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept for what is no connection of a client: the database, listeners, the log.
const OWN: u64 = 256;

/// Raises the limit to the highest that the system allows this process, and gives it; nothing where there is none.
pub(crate) fn raise() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return current;
    }
    // Where it is refused, what is allowed already is what there is.
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(_) => current,
    }
}

/// Takes no more connections than this process may open: otherwise accepting one fails, and so does what the database opens.
/// Gives a sentence where that is fewer than the settings say.
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
