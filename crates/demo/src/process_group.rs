//! The processes and the directory of the demo, which are removed at its end, when a step fails, and on Ctrl-C.

use std::{
    io,
    process::{Child, Command, ExitStatus},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use tempfile::TempDir;

/// The processes and the directory. The signal thread keeps the lock, so that nothing starts while they are removed.
#[derive(Clone)]
pub(super) struct ProcessGroup(Arc<Mutex<Members>>);

struct Members {
    children: Vec<(u32, Child)>,
    dir: Option<TempDir>,
}

impl ProcessGroup {
    /// Returns an empty group with a directory. Ctrl-C and SIGTERM remove both.
    pub(super) fn new(dir: TempDir) -> io::Result<Self> {
        let processes = Self(Arc::new(Mutex::new(Members { children: Vec::new(), dir: Some(dir) })));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut terminate = {
            let _inside = runtime.enter();
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?
        };
        let group = processes.clone();
        thread::Builder::new().name("demo-signals".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = tokio::signal::ctrl_c() => {}
                    _ = terminate.recv() => {}
                }
            });
            let mut members = group.lock();
            members.clear();
            super::exit_interrupted();
        })?;
        Ok(processes)
    }

    fn lock(&self) -> MutexGuard<'_, Members> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a process in a process group of its own, and returns its id and its standard output.
    pub(super) fn start(&self, mut command: Command) -> io::Result<(u32, Option<std::process::ChildStdout>)> {
        let mut members = self.lock();
        // A Ctrl-C in the terminal reaches the demo alone, which then ends the others.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        let (id, output) = (child.id(), child.stdout.take());
        members.children.push((id, child));
        Ok((id, output))
    }

    /// Kills a process with SIGKILL, as a power cut would.
    pub(super) fn kill(&self, id: u32) -> io::Result<()> {
        let mut members = self.lock();
        let Some(at) = members.children.iter().position(|(child_id, _)| *child_id == id) else {
            return Ok(());
        };
        let (_, mut child) = members.children.swap_remove(at);
        child.kill()?;
        child.wait().map(drop)
    }

    /// Returns the exit status of a process, or `None` while it runs.
    pub(super) fn ended(&self, id: u32) -> io::Result<Option<ExitStatus>> {
        let mut members = self.lock();
        match members.children.iter_mut().find(|(child_id, _)| *child_id == id) {
            Some((_, child)) => child.try_wait(),
            None => Ok(None),
        }
    }

    /// Kills every process and removes the directory.
    pub(super) fn clear(&self) -> io::Result<()> {
        self.lock().clear();
        Ok(())
    }
}

impl Members {
    fn clear(&mut self) {
        for (_, mut child) in self.children.drain(..) {
            // A process that has ended cannot be killed, which is no error.
            let _ = child.kill();
            let _ = child.wait();
        }
        drop(self.dir.take());
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        self.clear();
    }
}
