use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Which database a transaction runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Engine {
    /// A file on this machine.
    Sqlite,
    /// A server that several machines share.
    Postgres,
}

impl Engine {
    /// `sqlite` or `postgres`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// The location of the database, and how many transactions it takes at the same time.
#[derive(Clone)]
pub struct Config {
    pub(crate) location: Location,
    /// Threads that write, on PostgreSQL; SQLite has one.
    pub writers: usize,
    /// Threads that only read.
    pub readers: usize,
    /// Transactions that may wait for a thread, for writers and for readers each; more are refused.
    pub queue: usize,
    /// The time that a transaction may take from the call to its answer.
    pub deadline: Duration,
    /// The largest size of a SQLite file in bytes; PostgreSQL ignores it.
    pub max_bytes: Option<u64>,
}

#[derive(Clone)]
pub(crate) enum Location {
    Sqlite(PathBuf),
    Postgres(String),
}

impl Config {
    /// A file, made when it is missing; its folder must exist.
    pub fn sqlite(path: impl AsRef<Path>) -> Self {
        Self::at(Location::Sqlite(path.as_ref().to_owned()), 4)
    }

    /// A server, as `postgresql://user:password@host:port/database`.
    pub fn postgres(url: impl Into<String>) -> Self {
        Self::at(Location::Postgres(url.into()), 4)
    }

    fn at(location: Location, readers: usize) -> Self {
        let deadline = Duration::from_secs(5);
        Self { location, writers: 8, readers, queue: 4096, deadline, max_bytes: None }
    }

    /// Which database this is.
    pub fn engine(&self) -> Engine {
        match self.location {
            Location::Sqlite(_) => Engine::Sqlite,
            Location::Postgres(_) => Engine::Postgres,
        }
    }
}

impl fmt::Debug for Config {
    /// Without the address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} writers, {} readers)", self.engine().as_str(), self.writers, self.readers)
    }
}
