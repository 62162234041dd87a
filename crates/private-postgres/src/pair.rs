use std::{
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use crate::{Place, Server, Unavailable, database};

/// A primary and a standby that has each commit before it is acknowledged; either may be lost.
pub struct Pair {
    servers: [Server; 2],
    /// Which of the two is the primary.
    primary: AtomicUsize,
    name: String,
}

/// The interval between checks whether the standby has caught up.
const LOOK: Duration = Duration::from_millis(20);
/// The number of checks after which it is assumed never to catch up.
const LOOKS: u32 = 1500;

impl Pair {
    /// Starts both, with an empty database.
    ///
    /// # Errors
    /// As of [`Server::start`].
    pub fn start(place: &Place<'_>) -> Result<Self, Unavailable> {
        let first = Server::start(place)?;
        database::make(&first.url(), "paired")?;
        let second = first.standby(place)?;
        let pair = Self { servers: [first, second], primary: AtomicUsize::new(0), name: "paired".to_owned() };
        pair.keep_in_step()?;
        Ok(pair)
    }

    /// The database, wherever the primary is: the URL names both.
    pub fn url(&self) -> String {
        let [first, second] = self.servers.each_ref().map(Server::host);
        format!("postgresql://kaching@{first},{second}/{}?target_session_attrs=read-write", self.name)
    }

    /// The database on the standby alone.
    pub fn standby_url(&self) -> String {
        database::named(&self.standby().url(), &self.name)
    }

    fn primary(&self) -> &Server {
        &self.servers[self.primary.load(Ordering::Relaxed)]
    }

    fn standby(&self) -> &Server {
        &self.servers[1 - self.primary.load(Ordering::Relaxed)]
    }

    /// Cuts the primary off in the middle of what it does, and makes the standby the primary.
    ///
    /// # Errors
    /// If a keeper is gone, or the standby does not take over.
    pub fn fail_over(&self) -> Result<(), Unavailable> {
        self.primary().cut()?;
        self.standby().promote()?;
        self.primary.fetch_xor(1, Ordering::Relaxed);
        Ok(())
    }

    /// Makes the server that was lost a standby of the other, and waits until it has every commit.
    ///
    /// # Errors
    /// If it does not follow, or does not catch up.
    pub fn mend(&self) -> Result<(), Unavailable> {
        self.standby().follow(self.primary())?;
        self.keep_in_step()
    }

    /// Makes commits synchronous: each is acknowledged when the standby has it on disk.
    fn keep_in_step(&self) -> Result<(), Unavailable> {
        let primary = self.primary().url();
        database::tell(&primary, "alter system set synchronous_standby_names = '*'".to_owned())?;
        database::tell(&primary, "select pg_reload_conf()".to_owned())?;
        let in_step = "do $$ begin if not exists (select from pg_stat_replication where sync_state = 'sync')
            then raise exception 'no standby is in step'; end if; end $$";
        let mut looks = 0;
        while let Err(error) = database::tell(&primary, in_step.to_owned()) {
            looks += 1;
            if looks == LOOKS {
                return Err(error);
            }
            thread::sleep(LOOK);
        }
        // The process that makes checkpoints is the one that tells all others of the new setting: it has done so when
        // it answers. A commit that waits for the standby takes all earlier ones there, too.
        database::tell(&primary, "checkpoint".to_owned())?;
        database::tell(&primary, "checkpoint".to_owned())?;
        database::tell(&primary, "select pg_logical_emit_message(true, 'kaching', 'in step')".to_owned())
    }
}
