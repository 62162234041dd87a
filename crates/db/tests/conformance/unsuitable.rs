//! Databases of PostgreSQL that cannot be used as they are: a start says so, and what to do.

use kaching_db::{Config, Db, Error, Metrics};
use kaching_testkit::Server;
use prometheus_client::registry::Registry;

/// Runs statements that no transaction may hold, in the database of this URL.
fn administer(url: &str, statements: &[&str]) {
    let (url, statements) = (url.to_owned(), statements.iter().map(ToString::to_string).collect::<Vec<_>>());
    // The synchronous client may not be used by async code.
    let done = std::thread::spawn(move || {
        let mut client = postgres::Client::connect(&url, postgres::NoTls).unwrap();
        statements.iter().for_each(|statement| client.batch_execute(statement).unwrap());
    });
    done.join().unwrap();
}

async fn open(url: &str) -> Result<Db, Error> {
    Db::open(Config::postgres(url), Metrics::register(&mut Registry::default())).await
}

async fn refusal(url: &str) -> String {
    match open(url).await.err().unwrap() {
        error @ Error::Unavailable(_) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

/// The same address with another name of a database, or of a role.
fn in_database(url: &str, name: &str) -> String {
    format!("{}/{name}", url.rsplit_once('/').unwrap().0)
}

fn as_role(url: &str, role: &str) -> String {
    url.replace("kaching@", &format!("{role}@"))
}

#[tokio::test]
async fn only_utf8_holds_every_name() {
    let server = Server::start();
    let url = server.database();
    for (name, encoding) in [("latin", "LATIN1"), ("bytes", "SQL_ASCII"), ("\"Old Data\"", "EUC_JP")] {
        let make = format!("create database {name} template template0 encoding '{encoding}' locale 'C'");
        administer(&url, &[&make]);
        let reason = refusal(&in_database(&url, &name.replace('"', "").replace(' ', "%20"))).await;
        let expected = format!("the encoding of {name} is {encoding}, and it must be UTF8");
        assert!(
            reason.contains(&expected) && reason.contains("template template0 encoding 'UTF8'"),
            "{reason}"
        );
    }
    let remedy = "create database kaching template template0 encoding 'UTF8' locale 'C'";
    administer(&url, &[remedy]);
    open(&in_database(&url, "kaching")).await.unwrap().close().await;
}

#[tokio::test]
async fn a_role_that_may_not_create_tables_learns_which_grant_it_lacks() {
    let server = Server::start();
    let url = server.database();
    administer(&url, &["create role \"License Desk\" login", "revoke create on schema public from public"]);
    let guest = as_role(&url, "License%20Desk");
    let reason = refusal(&guest).await;
    assert!(reason.contains("may not create tables in the schema public of own"), "{reason}");
    let remedy = "grant create on schema public to \"License Desk\"";
    assert!(reason.contains(remedy), "{reason}");
    administer(&url, &[remedy]);
    open(&guest).await.unwrap().close().await;
}

#[tokio::test]
async fn a_search_path_without_a_schema_is_reported() {
    let server = Server::start();
    let url = server.database();
    let name = url.rsplit_once('/').unwrap().1;
    administer(&url, &["create role desk login", "create schema hidden"]);
    let guest = as_role(&url, "desk");
    for path in ["''", "pg_catalog", "missing", "hidden"] {
        administer(&url, &[&format!("alter role desk set search_path = {path}")]);
        let reason = refusal(&guest).await;
        let expected =
            format!("desk can use no schema of its search_path ('{}')", path.replace("''", "\"\""));
        assert!(reason.contains(&expected), "{reason}");
        assert!(reason.contains("create schema kaching authorization desk"), "{reason}");
    }
    let remedy = format!("alter role desk in database {name} set search_path = kaching");
    assert!(refusal(&guest).await.contains(&remedy));
    administer(&url, &["create schema kaching authorization desk", &remedy]);
    open(&guest).await.unwrap().close().await;
}

#[tokio::test]
async fn a_database_that_is_read_only_by_default_is_reported_with_the_remedy() {
    let server = Server::start();
    let url = server.database();
    let name = url.rsplit_once('/').unwrap().1;
    for (scope, undo) in [
        ("role kaching".to_owned(), "alter role kaching reset all".to_owned()),
        (format!("database {name}"), format!("alter database {name} reset all")),
    ] {
        administer(&url, &[&format!("alter {scope} set default_transaction_read_only = on")]);
        let reason = refusal(&url).await;
        let remedy = format!("alter role kaching in database {name} set default_transaction_read_only = off");
        let remedy = format!("begin read write; {remedy}; commit");
        assert!(reason.contains("it takes no writes") && reason.contains(&remedy), "{reason}");
        administer(&url, &[&remedy]);
        open(&url).await.unwrap().close().await;
        let forget = format!("alter role kaching in database {name} reset all");
        administer(&url, &["set default_transaction_read_only = off", &forget, &undo]);
    }
}

#[tokio::test]
async fn tables_of_another_role_are_reported_with_the_role_that_they_need() {
    let server = Server::start();
    let url = server.database();
    administer(&url, &["create role desk login", "grant create on schema public to desk"]);
    administer(&url, &["create table numbers (id bigint primary key)"]);
    let db = open(&as_role(&url, "desk")).await.unwrap();
    for statement in ["insert into numbers values (1)", "alter table numbers add column n bigint"] {
        let reason = db.write("test.denied", move |tx| tx.execute(statement, &[])).await.unwrap_err();
        assert!(matches!(reason, Error::Unavailable(_)), "{reason:?}");
        assert!(
            reason.to_string().contains("numbers") && reason.to_string().contains("the role that owns"),
            "{reason}"
        );
    }
    db.close().await;
}
