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

/// Where the database is and how much may be asked of it at once.
#[derive(Clone)]
pub struct Config {
    pub(crate) place: Place,
    /// Threads that write, on PostgreSQL; SQLite has one.
    pub writers: usize,
    /// Threads that only read.
    pub readers: usize,
    /// Transactions that may wait for a thread, for writers and for readers each; more are refused.
    pub queue: usize,
    /// How long a transaction may take from the call to its answer.
    pub deadline: Duration,
    /// The size in bytes that a SQLite file may not outgrow; PostgreSQL takes no notice.
    pub max_bytes: Option<u64>,
}

#[derive(Clone)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres(String),
}

impl Config {
    /// A file, made when it is missing; its folder must exist.
    pub fn sqlite(path: impl AsRef<Path>) -> Self {
        Self::at(Place::Sqlite(path.as_ref().to_owned()), 4)
    }

    /// A server, as `postgresql://user:password@host:port/database`.
    pub fn postgres(url: impl Into<String>) -> Self {
        Self::at(Place::Postgres(url.into()), 4)
    }

    fn at(place: Place, readers: usize) -> Self {
        let deadline = Duration::from_secs(5);
        Self { place, writers: 8, readers, queue: 4096, deadline, max_bytes: None }
    }

    /// Which database this is.
    pub fn engine(&self) -> Engine {
        match self.place {
            Place::Sqlite(_) => Engine::Sqlite,
            Place::Postgres(_) => Engine::Postgres,
        }
    }
}

impl fmt::Debug for Config {
    /// Without the address, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} writers, {} readers)", self.engine().as_str(), self.writers, self.readers)
    }
}
