//! The memory of a server after rare work that reads everything.

use kaching_authority::fill::Fill;

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
    kaching.fill(Fill { like, licenses: Some(LICENSES), each: 10, first: 0 }).await;
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
