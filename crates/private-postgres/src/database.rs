use std::{error::Error as _, thread};

use crate::Unavailable;

/// A private database on a server. It is empty at first, and is dropped with this.
pub struct Database {
    server: String,
    name: String,
}

impl Database {
    /// Makes a database of this name on the server of a URL, whose user must be allowed to.
    ///
    /// # Errors
    /// If the server does not answer, or does not make it.
    pub fn make(server: &str, name: &str) -> Result<Self, Unavailable> {
        make(server, name)?;
        Ok(Self { server: server.to_owned(), name: name.to_owned() })
    }

    /// Its location.
    pub fn url(&self) -> String {
        named(&self.server, &self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A server that is gone has nothing left to drop.
        let _ = tell(&self.server, format!("drop database if exists {} with (force)", self.name));
    }
}

/// Vacuums and analyzes a database, as the server's autovacuum does some minutes later.
///
/// # Errors
/// If the server does not answer, or does not do it.
pub fn vacuum(url: &str) -> Result<(), Unavailable> {
    tell(url, "vacuum analyze".to_owned())
}

/// Makes an empty database, and returns its URL.
pub(crate) fn make(server: &str, name: &str) -> Result<String, Unavailable> {
    tell(server, format!("create database {name}"))?;
    Ok(named(server, name))
}

/// Makes a database with what is in another one of the same server, and returns its URL.
pub(crate) fn copy(server: &str, name: &str, other: &str) -> Result<String, Unavailable> {
    let other = other.rsplit('/').next().unwrap_or_default();
    tell(server, format!("create database {name} template {other}"))?;
    Ok(named(server, name))
}

/// Runs a statement, on its own thread: the synchronous client may not be used by async code.
pub(crate) fn tell(server: &str, statement: String) -> Result<(), Unavailable> {
    let url = server.to_owned();
    let ran =
        thread::spawn(move || postgres::Client::connect(&url, postgres::NoTls)?.batch_execute(&statement));
    let ran = ran.join().map_err(|_| Unavailable("the PostgreSQL client panicked".to_owned()))?;
    ran.map_err(|error| {
        let reason = error.source().map_or_else(|| error.to_string(), ToString::to_string);
        Unavailable(format!("the PostgreSQL server does not follow a command ({reason})"))
    })
}

/// The URL, or the list of settings, with another database's name.
pub(crate) fn named(server: &str, name: &str) -> String {
    let Some((scheme, rest)) = server.split_once("://") else { return format!("{server} dbname={name}") };
    let (place, settings) = rest.split_once('?').map_or((rest, None), |(place, rest)| (place, Some(rest)));
    let host = place.split('/').next().unwrap_or_default();
    let settings = settings.map_or_else(String::new, |settings| format!("?{settings}"));
    format!("{scheme}://{host}/{name}{settings}")
}

#[cfg(test)]
mod tests {
    use super::named;

    #[test]
    fn only_the_name_of_the_database_changes() {
        for (server, expected) in [
            ("postgres://u:p@h:5432/all", "postgres://u:p@h:5432/mine"),
            ("postgres://u@h", "postgres://u@h/mine"),
            (
                "postgresql://u@%2Ftmp%2Fx/all?connect_timeout=3",
                "postgresql://u@%2Ftmp%2Fx/mine?connect_timeout=3",
            ),
            ("host=h user=u dbname=all", "host=h user=u dbname=all dbname=mine"),
        ] {
            assert_eq!(named(server, "mine"), expected);
        }
    }
}
