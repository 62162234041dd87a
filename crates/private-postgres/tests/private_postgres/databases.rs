//! A database of one's own is there as long as it is held.

use kaching_private_postgres::{Database, Place, Server};
use postgres::{Client, NoTls};

#[test]
fn a_database_goes_with_its_owner_and_leaves_the_others() {
    let server = Server::start(&Place::default()).unwrap();
    let given = server.database().unwrap();
    let own = Database::make(&given, "measured").unwrap();
    let url = own.url();
    let mut client = Client::connect(&url, NoTls).unwrap();
    client.batch_execute("create table things (id bigint)").unwrap();
    assert!(Database::make(&given, "measured").is_err(), "one that is there is nobody's to drop");
    assert!(Client::connect(&url, NoTls).is_ok());
    drop(own);
    assert!(client.batch_execute("select 1").is_err(), "connections do not hold it");
    assert!(Client::connect(&url, NoTls).is_err());
    assert!(Client::connect(&given, NoTls).is_ok());
}

#[test]
fn an_unreachable_server_is_reported() {
    let reason = Database::make("postgresql://nobody@127.0.0.1:1/x", "measured").err().unwrap().to_string();
    assert!(reason.starts_with("the PostgreSQL server does not follow a command ("), "{reason}");
}
