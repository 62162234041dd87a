//! The private PostgreSQL of a test process.

use std::{
    path::{Path, PathBuf},
    sync::LazyLock,
};

use kaching_private_postgres::{Pair, Place, Server as Private};

/// A server that a test may stop and start; it ends, and its folder goes, when this is dropped or the process ends.
pub struct Server(Private);

/// Commits reach the disk as in production; what costs time and shows nothing is switched off.
const SETTINGS: &[&str] = &[
    "shared_buffers=32MB",
    "deadlock_timeout=100ms",
    "wal_level=minimal",
    "max_wal_senders=0",
    "autovacuum=off",
    "jit=off",
];

/// Of two servers of which one follows the other.
const PAIRED: &[&str] =
    &["shared_buffers=32MB", "deadlock_timeout=100ms", "wal_level=replica", "autovacuum=off", "jit=off"];

/// Starts a primary and a synchronous standby, with an empty database.
///
/// # Panics
/// If PostgreSQL is not installed or does not start.
pub fn pair() -> Pair {
    let programs = programs();
    let place = Place { programs: programs.as_deref(), settings: PAIRED, ..Place::default() };
    Pair::start(&place).expect("the tests need PostgreSQL; KACHING_TEST_PG_BIN names the folder of pg_ctl")
}

#[expect(
    clippy::disallowed_methods,
    reason = "where the machine keeps PostgreSQL is no setting of the product"
)]
fn programs() -> Option<PathBuf> {
    std::env::var("KACHING_TEST_PG_BIN").ok().map(PathBuf::from)
}

/// The URL of a fresh database on the one server of this process, which starts with the first call.
///
/// # Panics
/// If PostgreSQL is not installed: no test of an engine is left out.
pub fn postgres() -> String {
    SHARED.database()
}

/// The URL of a fresh database with what is in another one of [`postgres`], to which nothing is connected.
pub(crate) fn copy_of(url: &str) -> String {
    SHARED.0.copy_of(url).expect("the server copies a database")
}

static SHARED: LazyLock<Server> = LazyLock::new(Server::start);

impl Server {
    /// Starts a server with a data folder of its own.
    ///
    /// # Panics
    /// If PostgreSQL is not installed or does not start.
    pub fn start() -> Self {
        Self::begin(&Place::default())
    }

    /// Starts a server that listens on 127.0.0.1, too.
    ///
    /// # Panics
    /// If PostgreSQL is not installed or does not start.
    pub fn listening() -> Self {
        Self::begin(&Place { listens: true, ..Place::default() })
    }

    /// Starts a server that listens on 127.0.0.1, too, and offers TLS there with this chain and key, PEM.
    ///
    /// # Panics
    /// If PostgreSQL is not installed or does not start.
    pub fn encrypting(chain: &Path, key: &Path) -> Self {
        Self::begin(&Place { listens: true, certificate: Some((chain, key)), ..Place::default() })
    }

    fn begin(place: &Place<'_>) -> Self {
        let programs = programs();
        let place = Place { programs: programs.as_deref(), settings: SETTINGS, ..*place };
        Self(
            Private::start(&place)
                .expect("the tests need PostgreSQL; KACHING_TEST_PG_BIN names the folder of pg_ctl"),
        )
    }

    /// The port, where it listens.
    pub fn port(&self) -> u16 {
        self.0.port()
    }

    /// The URL of a fresh, empty database.
    ///
    /// # Panics
    /// If the server is stopped.
    pub fn database(&self) -> String {
        self.0.database().expect("the server makes a database")
    }

    /// Ends every connection and the server.
    ///
    /// # Panics
    /// If the server's keeper is gone.
    pub fn stop(&self) {
        self.0.stop().expect("the server stops");
    }

    /// Starts the server again on its data.
    ///
    /// # Panics
    /// If it does not start.
    pub fn restart(&self) {
        self.0.restart().expect("the server starts again");
    }
}
