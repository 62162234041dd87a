//! The processes of the demo and its directory. They end with it: at its end, when a step fails, on Ctrl-C.

use std::{
    io,
    process::{Child, Command, ExitStatus},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
};

use tempfile::TempDir;

/// Everything that must be gone in the end. Whoever clears it keeps the lock, so that nothing starts any more.
#[derive(Clone)]
pub(super) struct Troupe(Arc<Mutex<Company>>);

struct Company {
    players: Vec<(u32, Child)>,
    dir: Option<TempDir>,
}

impl Troupe {
    /// An empty troupe around a directory, which Ctrl-C and SIGTERM clear.
    pub(super) fn gather(dir: TempDir) -> io::Result<Self> {
        let troupe = Self(Arc::new(Mutex::new(Company { players: Vec::new(), dir: Some(dir) })));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let mut terminate = {
            let _inside = runtime.enter();
            tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?
        };
        let watched = troupe.clone();
        thread::Builder::new().name("demo-signals".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    _ = tokio::signal::ctrl_c() => {}
                    _ = terminate.recv() => {}
                }
            });
            let mut company = watched.lock();
            company.clear();
            super::leave();
        })?;
        Ok(troupe)
    }

    fn lock(&self) -> MutexGuard<'_, Company> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a process in a group of its own, and returns its number and its standard output.
    pub(super) fn start(&self, mut command: Command) -> io::Result<(u32, Option<std::process::ChildStdout>)> {
        let mut company = self.lock();
        // A Ctrl-C in the terminal reaches the demo alone, which then ends the others in order.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut child = command.spawn()?;
        let (id, output) = (child.id(), child.stdout.take());
        company.players.push((id, child));
        Ok((id, output))
    }

    /// Kills a process as a power cut would: SIGKILL.
    pub(super) fn kill(&self, id: u32) -> io::Result<()> {
        let mut company = self.lock();
        let Some(at) = company.players.iter().position(|(player, _)| *player == id) else { return Ok(()) };
        let (_, mut child) = company.players.swap_remove(at);
        child.kill()?;
        child.wait().map(drop)
    }

    /// Whether a process has ended, and how.
    pub(super) fn ended(&self, id: u32) -> io::Result<Option<ExitStatus>> {
        let mut company = self.lock();
        match company.players.iter_mut().find(|(player, _)| *player == id) {
            Some((_, child)) => child.try_wait(),
            None => Ok(None),
        }
    }

    /// Ends everything and removes the directory.
    pub(super) fn clear(&self) -> io::Result<()> {
        self.lock().clear();
        Ok(())
    }
}

impl Company {
    fn clear(&mut self) {
        for (_, mut child) in self.players.drain(..) {
            // One that has ended already cannot be killed, and needs not be.
            let _ = child.kill();
            let _ = child.wait();
        }
        drop(self.dir.take());
    }
}

impl Drop for Company {
    fn drop(&mut self) {
        self.clear();
    }
}
