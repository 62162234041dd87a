//! A hint where rows lie changes nothing of what statements find and write.

use kaching_base::LicenseId;
use kaching_db::{Engine, Tx, params};

use crate::{make, on_each};

const INSERT: &str = "insert into things (id /*+ place */, n) values (?1 /*+ place */, ?2)";
const BY_ID: &str = "select n from things where id = ?1 /*+ place */ for update";
const JOINED: &str =
    "select t.n from things o join things t on t.id = o.other /*+ place */ where o.id = ?1 /*+ place */";
const UPDATE: &str = "update things set n = ?2 where id = ?1 /*+ place */";

/// Made in one second, with the same last bits: SQLite would lay them at one place.
fn twins() -> [LicenseId; 3] {
    [1, 2, 3].map(|n| {
        let mut id = [7; 16];
        id[8] = n;
        LicenseId::from_bytes(id)
    })
}

fn find(tx: &mut Tx<'_>, id: LicenseId) -> Option<i64> {
    tx.query_opt(BY_ID, params![id], |row| row.get(0)).unwrap()
}

#[tokio::test]
async fn rows_that_share_a_place_are_each_found_and_written() {
    on_each(async |_, db| {
        let sqlite = db.engine() == Engine::Sqlite;
        let [first, second, never] = twins();
        make(&db, match sqlite {
            true => "create table things (id blob not null primary key, n integer not null, other blob) strict",
            false => "create table things (id uuid not null primary key, n bigint not null, other uuid)",
        })
        .await;
        let check = move |tx: &mut Tx<'_>| {
            for (n, id) in [(1, first), (2, second)] {
                assert_eq!(find(tx, id), Some(n));
                assert_eq!(tx.execute(UPDATE, params![id, n + 10])?, 1);
                assert_eq!(find(tx, id), Some(n + 10));
                assert_eq!(tx.execute(UPDATE, params![id, n])?, 1);
            }
            assert_eq!(find(tx, never), None);
            assert_eq!(tx.execute(UPDATE, params![never, 5])?, 0);
            tx.query_one(JOINED, params![first], |row| row.get::<i64>(0)).map(|n| assert_eq!(n, 2))
        };
        db.write("places", move |tx| {
            for (n, id) in [(1, first), (2, second)] {
                assert_eq!(tx.execute(INSERT, params![id, n])?, 1);
            }
            tx.execute("update things set other = ?2 where id = ?1", params![first, second])?;
            check(tx)
        })
        .await
        .unwrap();
        if sqlite {
            let laid = "select count(*) from things where rowid = place(id)";
            assert_eq!(crate::count(&db, laid).await, 1, "the other one found its place taken");
        }
        let returning = "insert into things (id /*+ place */, n) values (?1 /*+ place */, 3) returning n";
        db.write("places", move |tx| {
            tx.query_one(returning, params![never], |row| row.get::<i64>(0)).map(|n| assert_eq!(n, 3))
        })
        .await
        .unwrap();
        // An id that is there is refused as ever, wherever its row lies.
        let again = db.write("places", move |tx| tx.execute(INSERT, params![second, 3]).map(drop)).await;
        assert!(matches!(again, Err(kaching_db::Error::Unique(_))), "{again:?}");
        // As an older version wrote them: in the order in which they came.
        db.write("places", move |tx| {
            tx.execute("delete from things", &[])?;
            let plain = "insert into things (id, n, other) values (?1, ?2, ?3)";
            tx.execute(plain, params![second, 2, None::<LicenseId>])?;
            tx.execute(plain, params![first, 1, Some(second)])?;
            check(tx)
        })
        .await
        .unwrap();
    })
    .await;
}
