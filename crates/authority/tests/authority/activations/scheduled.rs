//! Backups on a schedule.

use std::{fs, path::PathBuf};

use kaching_authority::backup::{Schedule, read};
use kaching_base::Seconds;
use kaching_testkit::{Engine, World};

use super::{backups::open, restored::polled, setting::Site};

fn schedule(world: &World) -> Schedule {
    let directory = world.directory.path().join("backups");
    fs::create_dir_all(&directory).unwrap();
    Schedule { directory, every: Seconds(3600), keep: 2 }
}

fn files(schedule: &Schedule) -> Vec<PathBuf> {
    let mut files: Vec<_> =
        fs::read_dir(&schedule.directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test]
async fn a_backup_is_made_when_it_is_due_and_the_newest_remain() {
    World::each(|world| async move {
        Site::plain(&world, 1).await;
        let schedule = schedule(&world);
        fs::write(schedule.directory.join("kaching-notes.backup"), "somebody's own").unwrap();
        assert!(world.authority.last_backup().await.unwrap().succeeded_at.is_none());
        for round in 1..=4 {
            let made = world.authority.back_up_when_due(&schedule).await.unwrap().expect("it is due");
            read(&made, |_| {}).unwrap();
            let last = world.authority.last_backup().await.unwrap();
            assert_eq!(
                (last.succeeded_at, last.error),
                (Some(kaching_authority::Clock::now(&*world.clock)), None)
            );
            assert!(world.authority.back_up_when_due(&schedule).await.unwrap().is_none(), "once");
            assert_eq!(files(&schedule).len(), 1 + round.min(2), "{:?}", files(&schedule));
            assert!(files(&schedule).contains(&made));
            world.clock.advance(Seconds(3600));
        }
        assert!(schedule.directory.join("kaching-notes.backup").exists());
    })
    .await;
}

#[tokio::test]
async fn a_failed_backup_is_reported_and_retried_and_removes_nothing() {
    World::each(|world| async move {
        let good = schedule(&world);
        world.authority.back_up_when_due(&good).await.unwrap().unwrap();
        let bad = Schedule { directory: world.directory.path().join("missing"), keep: 1, ..good.clone() };
        world.clock.advance(Seconds(3600));
        let error = world.authority.back_up_when_due(&bad).await.unwrap_err().to_string();
        assert!(error.contains("cannot be written"), "{error}");
        let last = world.authority.last_backup().await.unwrap();
        assert_eq!(last.error.as_ref(), Some(&error));
        assert!(last.succeeded_at.is_some(), "the one before is still the last");
        assert!(world.authority.back_up_when_due(&good).await.unwrap().is_none(), "not immediately");
        world.clock.advance(Seconds(600));
        world.authority.back_up_when_due(&good).await.unwrap().expect("ten minutes later");
        assert_eq!(world.authority.last_backup().await.unwrap().error, None);
        assert_eq!(files(&good).len(), 2);
    })
    .await;
}

#[tokio::test]
async fn an_interrupted_backup_is_made_again_after_its_lease() {
    World::each(|world| async move {
        let schedule = schedule(&world);
        let mut ended = 0;
        loop {
            let process = world.replica(ended).await;
            let begun = polled(process.back_up_when_due(&schedule), 1 + ended as usize).await;
            // What it had begun in the database comes to its end, as it would after a kill.
            process.close().await;
            let last = world.authority.last_backup().await.unwrap();
            if last.succeeded_at == Some(kaching_authority::Clock::now(&*world.clock)) {
                break;
            }
            assert!(begun.is_none(), "{begun:?}, but {last:?}");
            fs::write(schedule.directory.join("kaching-20261122T000000Z.backup.1.unfinished"), "{}").unwrap();
            world.clock.advance(Seconds(600));
            world.authority.back_up_when_due(&schedule).await.unwrap().expect("a new one is made");
            let files = files(&schedule);
            assert!(files.iter().all(|file| file.extension().unwrap() == "backup"), "{files:?}");
            world.clock.advance(Seconds(3600));
            ended += 1;
        }
        assert!(ended > 1, "it was ended only {ended} times");
    })
    .await;
}

#[tokio::test]
async fn the_newest_backup_remains_where_the_clock_was_ahead_before() {
    let world = World::on(Engine::Sqlite).await;
    let schedule = Schedule { keep: 1, ..schedule(&world) };
    fs::write(schedule.directory.join("kaching-20991231T000000Z.backup"), "of a later time").unwrap();
    let made = world.authority.back_up_when_due(&schedule).await.unwrap().unwrap();
    assert_eq!(files(&schedule), [made]);
}

#[tokio::test]
async fn one_of_two_processes_on_a_database_makes_the_backup() {
    let world = World::on(Engine::Postgres).await;
    let other_folder = tempfile::tempdir().unwrap();
    fs::copy(world.directory.path().join("root.key"), other_folder.path().join("root.key")).unwrap();
    let other = open(&world, &world.database, other_folder.path()).await.unwrap();
    let schedule = schedule(&world);
    for _ in 0..3 {
        let (one, two) =
            tokio::join!(world.authority.back_up_when_due(&schedule), other.back_up_when_due(&schedule));
        assert_eq!([one.unwrap(), two.unwrap()].iter().flatten().count(), 1);
        world.clock.advance(Seconds(3600));
    }
    other.close().await;
}
