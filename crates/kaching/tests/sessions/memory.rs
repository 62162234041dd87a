//! The memory of a server after rare work that reads everything.

use std::sync::Arc;

use kaching_authority::{
    Authority, DatabaseConfig, Issuer, Options, RootStore, SystemClock, SystemEntropy, fill::Fill,
};
use kaching_base::Secret;
use prometheus_client::registry::Registry;

use crate::{kaching::Kaching, serve::Server};

/// Licenses with ten installations each: more than the cache of one reader can hold.
const LICENSES: u32 = 2000;

/// The number of readers, since each backup may use another one.
const BACKUPS: usize = 4;

/// The memory that a server may keep afterwards, in MiB. Four caches of 20 MB are 90.
const KEPT: u64 = 40;

#[tokio::test]
async fn backups_leave_no_large_caches_behind() {
    let kaching = Kaching::new();
    let like = kaching.with_license()["id"].as_str().unwrap().parse().unwrap();
    let options = Options {
        database: DatabaseConfig::sqlite(kaching.data().join("kaching.db")),
        directory: kaching.data(),
        master: None,
        root_store: RootStore::Directory(kaching.data()),
        root_passphrase: Secret::new(String::new()),
        issuer: Issuer::Default("http://127.0.0.1:7700".to_owned()),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(SystemEntropy),
    };
    let authority = Authority::open(options, &mut Registry::default()).await.unwrap();
    for batch in 0..LICENSES / 100 {
        let fill = Fill { like, licenses: Some(100), each: 10, first: u64::from(batch * 100) };
        authority.fill(fill).await.unwrap();
    }
    authority.close().await;
    assert!(kaching.data().join("kaching.db").metadata().unwrap().len() > 25 << 20, "it fills every cache");

    let server = Server::start(&kaching, &[]);
    // The memory of the first read is not part of the measurement.
    assert_eq!(kaching.run(&["stats"]).code, 0);
    let before = server.resident_mib();
    for number in 0..BACKUPS {
        let said = kaching.run(&["backup", &format!("{number}.kaching")]);
        assert_eq!(said.code, 0, "{}", said.err);
    }
    let after = server.resident_mib();
    assert!(after < before + KEPT, "{before} MiB before the backups, {after} MiB after them");
    server.stop();
}
