//! A primary and a standby behind one address.

use kaching_db::{Config, Db, Error, Metrics};
use kaching_testkit::pair;
use prometheus_client::registry::Registry;

use crate::{count, make, put};

async fn open(url: String) -> Result<Db, Error> {
    Db::open(Config::postgres(url), Metrics::register(&mut Registry::default())).await
}

#[tokio::test]
async fn transactions_go_to_the_primary_wherever_it_is() {
    let pair = std::sync::Arc::new(pair());
    let db = open(pair.url()).await.unwrap();
    make(&db, "create table numbers (id bigint primary key, n bigint not null)").await;
    put(&db, 1).await.unwrap();

    let alone = open(pair.standby_url()).await.err().unwrap().to_string();
    assert!(alone.contains("it is a read-only standby, and nothing is decided on one"), "{alone}");

    let failing = std::sync::Arc::clone(&pair);
    tokio::task::spawn_blocking(move || failing.fail_over().unwrap()).await.unwrap();
    // Connections to the one that was lost, of writers and of readers, are made again to the other.
    assert_eq!(count(&db, "select count(*) from numbers").await, 1);
    put(&db, 2).await.unwrap();
    assert_eq!(count(&db, "select count(*) from numbers").await, 2);
    db.close().await;
}
