//! The end of the process that started this one.
//!
//! If standard input is a pipe, it ends when the parent closes it or ends in any way. That works on every system, across a
//! shell in between, and immediately. A terminal, a file and `/dev/null` say nothing about a parent. Therefore the id of the
//! parent is compared as well: it changes when the parent has ended. Linux could send a signal then, but it sends that at
//! the end of the thread that started this process, and the threads of test runners come and go.

use std::{
    fs::File,
    io,
    os::{fd::AsFd as _, unix::fs::FileTypeExt as _},
    thread,
    time::Duration,
};

use rustix::process::{Pid, getppid};
use tokio::sync::oneshot;

/// The interval at which the id of the parent is read.
const INTERVAL: Duration = Duration::from_millis(200);

/// The process that started this one.
pub(super) struct Parent(Option<Pid>);

impl Parent {
    /// Returns the present parent. A process is adopted by another one when its own has ended.
    pub(super) fn of_this_process() -> Self {
        Self(getppid())
    }

    /// Waits for the end of the parent, or of standard input if that is a pipe.
    pub(super) async fn ended(self) {
        let mut interval = tokio::time::interval(INTERVAL);
        let adopted = async {
            while getppid() == self.0 {
                interval.tick().await;
            }
        };
        tokio::select! {
            () = adopted => tracing::info!("the process that started this server has ended"),
            () = end_of_input() => tracing::info!("standard input has ended"),
        }
    }
}

/// Waits for the end of standard input if that is a pipe, and for ever otherwise.
async fn end_of_input() {
    let (send, ended) = oneshot::channel::<()>();
    let reading = || {
        // What is written is ignored. An error is an end, too.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        drop(send);
    };
    // A task of the runtime that reads could not be ended with it; a thread goes with the process.
    if is_pipe() && thread::Builder::new().name("stdin".to_owned()).spawn(reading).is_ok() {
        let _ = ended.await;
    } else {
        std::future::pending::<()>().await;
    }
}

/// Whether standard input is a pipe or a socket, which some runtimes use as one.
fn is_pipe() -> bool {
    let file = io::stdin().as_fd().try_clone_to_owned().map(File::from);
    let kind = file.and_then(|file| file.metadata()).map(|found| found.file_type());
    kind.is_ok_and(|kind| kind.is_fifo() || kind.is_socket())
}
