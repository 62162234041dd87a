//! On SQLite, activations and licenses are stored at the location of their id; rows elsewhere are found as well.

use kaching_authority::{Clock as _, Sight, fill::Fill};
use kaching_db::Db;
use kaching_testkit::{Engine, Scratch, World};

use super::{
    backups::back_up,
    restored::restore_into,
    setting::{Installation, Site, database},
};

/// Returns the number of activations and licenses at the location of their ids, and their total.
async fn laid(db: &Db) -> [(i64, i64); 2] {
    let count = |sql: &'static str| async move {
        db.read("test.laid", move |tx| tx.query_one(sql, &[], |row| Ok((row.get(0)?, row.get(1)?))))
            .await
            .unwrap()
    };
    [
        count("select coalesce(sum(rowid = place(id)), 0), count(*) from activations").await,
        count("select coalesce(sum(rowid = place(id)), 0), count(*) from licenses").await,
    ]
}

#[tokio::test]
async fn rows_are_found_at_the_location_of_their_id_and_elsewhere() {
    let world = World::on(Engine::Sqlite).await;
    let site = Site::plain(&world, 3).await;
    let mut one = Installation::new("one");
    one.activate(&world, &site).await.unwrap_or_else(|_| panic!("a slot is free"));
    let fill = Fill { like: site.license, licenses: Some(4), each: 2, first: 1 };
    world.authority.fill(fill).await.unwrap();
    let db = database(&world.database).await;
    assert_eq!(laid(&db).await, [(9, 9), (5, 5)]);

    let (path, contents) = back_up(&world, "backup", None).await;
    let target = Scratch::new(Engine::Sqlite);
    restore_into(&world, &target.config, &path, &contents).await.unwrap();
    assert_eq!(laid(&database(&target.config).await).await, [(9, 9), (5, 5)]);

    // An older version laid them in the order in which they came.
    db.write("test.older", |tx| {
        for sql in [
            "update activations set rowid = (select count(*) from activations o where o.rowid <= activations.rowid)",
            "update licenses set rowid = (select count(*) from licenses o where o.rowid <= licenses.rowid)",
        ] {
            tx.execute(sql, &[])?;
        }
        Ok::<_, kaching_db::Error>(())
    })
    .await
    .unwrap();
    assert_eq!(laid(&db).await, [(0, 9), (0, 5)]);
    let before = world.authority.activation(&Sight::All, one.id()).await.unwrap().activation.last_seen_at;
    world.clock.advance(kaching_base::Seconds(60));
    one.heartbeat(&world).await.unwrap_or_else(|_| panic!("it runs"));
    let after = world.authority.activation(&Sight::All, one.id()).await.unwrap().activation.last_seen_at;
    assert_eq!((after, after > before), (world.clock.now(), true));
    // What comes then is laid by its id again.
    Installation::new("two").activate(&world, &site).await.unwrap_or_else(|_| panic!("a slot is free"));
    assert_eq!(laid(&db).await, [(1, 10), (0, 5)]);
}
