//! Signs of life for the service manager, which ends and restarts a process that gives none.

use std::{io, path::Path, sync::Arc, time::Duration};

use kaching_server::Shutdown;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    time::{sleep, timeout},
};

use super::service_manager::ServiceManager;

const REQUEST: &[u8] = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
const ANSWER: &[u8] = b"HTTP/1.1 200";
/// The pause before the next attempt, after one without an answer.
const RETRY: Duration = Duration::from_secs(1);

/// Gives a sign of life twice in the time of the watchdog, as long as the server answers on its own local socket.
///
/// That answer needs everything a restart can repair: threads that run, a listener that accepts, a router that answers. It
/// needs nothing that a restart cannot: neither the database, nor a free one of the connections that products fill. While
/// the server stops, its socket closes, so running threads are enough: a stop has a time limit of its own.
pub(super) async fn run(manager: Arc<ServiceManager>, socket: Arc<Path>, mut stopping: Shutdown) {
    let Some(watchdog) = manager.watchdog() else { return };
    let period = watchdog / 2;
    loop {
        let answers = tokio::select! {
            () = stopping.requested() => true,
            answers = timeout(period, answers(&socket)) => matches!(answers, Ok(Ok(true))),
        };
        if answers {
            manager.alive();
            sleep(period).await;
        } else {
            tracing::error!("this server does not answer on {}", socket.display());
            sleep(RETRY.min(period)).await;
        }
    }
}

async fn answers(socket: &Path) -> io::Result<bool> {
    let mut stream = match UnixStream::connect(socket).await {
        Ok(stream) => stream,
        // Its file was removed: products are served as before.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    stream.write_all(REQUEST).await?;
    let mut answer = [0; ANSWER.len()];
    stream.read_exact(&mut answer).await?;
    Ok(answer == ANSWER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_listener_without_a_server_does_not_answer() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("kaching.sock");
        let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
        assert!(timeout(Duration::from_millis(100), answers(&path)).await.is_err(), "nobody accepts");
        drop(listener);
        assert!(answers(&path).await.is_err(), "nobody listens");
        std::fs::remove_file(&path).unwrap();
        assert!(answers(&path).await.unwrap(), "a removed file is no reason for a restart");
    }
}
