//! The content of backups, and the errors for incomplete ones.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use kaching_authority::{
    Actor, Authority, Cx, Issuer, MasterKey, Options, RootStore,
    backup::{BackupFile, Contents, read},
};
use kaching_base::{ErrorCode, Secret};
use kaching_db::Config;
use kaching_testkit::{Engine, ISSUER, SeededEntropy, World};
use prometheus_client::registry::Registry;

use super::setting::{Installation, Site, counts, operator};

pub fn secret(text: &str) -> Secret<String> {
    Secret::new(text.to_owned())
}

/// Makes a backup next to the data of the world.
pub async fn back_up(world: &World, name: &str, passphrase: Option<&str>) -> (PathBuf, Contents) {
    let path = world.directory.path().join(name);
    let mut chunks = world.authority.backup(operator(), passphrase.map(secret)).await.unwrap();
    let mut file = BackupFile::create(&path).unwrap();
    while let Some(piece) = chunks.next().await {
        file.write(&piece.unwrap()).unwrap();
    }
    (path, file.finish().unwrap())
}

/// The authority of a database, with the keys and the clock of a world.
pub async fn open(
    world: &World,
    database: &Config,
    directory: &Path,
) -> kaching_authority::Result<Authority> {
    let options = Options {
        database: database.clone(),
        directory: directory.to_owned(),
        master: Some(MasterKey::new([7; 32])),
        root_store: RootStore::Database,
        root_passphrase: secret(""),
        issuer: Issuer::Named(ISSUER.to_owned()),
        clock: Arc::<kaching_testkit::FakeClock>::clone(&world.clock),
        entropy: Arc::new(SeededEntropy::new(77)),
    };
    Authority::open(options, &mut Registry::default()).await
}

#[tokio::test]
async fn a_truncated_or_changed_backup_is_reported_as_such() {
    World::each(|world| async move {
        let site = Site::plain(&world, 2).await;
        Installation::new("a").activate(&world, &site).await.unwrap_or_else(|_| panic!("a slot is free"));
        let (path, contents) = back_up(&world, "whole", None).await;
        let whole = fs::read(&path).unwrap();
        assert_eq!(read(&path, |_| {}).unwrap().sha256, contents.sha256);
        assert_eq!(contents.bytes, whole.len() as u64);
        let damaged = world.directory.path().join("damaged");
        let assert_refused = |bytes: &[u8]| {
            fs::write(&damaged, bytes).unwrap();
            let error = read(&damaged, |_| {}).err().expect("it is not what was written");
            assert_eq!(error.code(), ErrorCode::InvalidRequest, "{error}");
            assert!(error.to_string().starts_with("this is no backup to use: "), "{error}");
        };
        for length in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
            assert_refused(&whole[..length]);
        }
        let mac = whole.windows(6).rposition(|at| at == b"\"mac\":").unwrap();
        for at in (0..mac).step_by(61) {
            let mut changed = whole.clone();
            changed[at] ^= 0x11;
            assert_refused(&changed);
        }
        // The MAC itself is judged with the master key.
        contents.check_mac(&MasterKey::new([7; 32]), false).unwrap();
        assert!(contents.check_mac(&MasterKey::new([8; 32]), true).is_err());
        for at in mac..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x11;
            fs::write(&damaged, changed).unwrap();
            let judged =
                read(&damaged, |_| {}).and_then(|read| read.check_mac(&MasterKey::new([7; 32]), false));
            assert!(judged.is_err(), "byte {at}");
        }
        assert_refused(&[&whole[..], b"[]\n"].concat());
        let text = String::from_utf8(whole).unwrap();
        let lines: Vec<_> = text.lines().collect();
        for gone in [1, lines.len() / 2, lines.len() - 2, lines.len() - 1] {
            let rest: Vec<_> =
                lines.iter().enumerate().filter(|(at, _)| *at != gone).map(|(_, line)| *line).collect();
            assert_refused((rest.join("\n") + "\n").as_bytes());
        }
        let later = text.replacen("\"version\":2", "\"version\":3", 1);
        fs::write(&damaged, later).unwrap();
        let error = read(&damaged, |_| {}).err().unwrap().to_string();
        assert!(error.contains("later format"), "{error}");
    })
    .await;
}

#[tokio::test]
async fn a_too_long_line_is_refused_before_it_is_read() {
    let world = World::on(Engine::Sqlite).await;
    let (path, _) = back_up(&world, "whole", None).await;
    let whole = fs::read(&path).unwrap();
    let head = whole.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let piece = vec![b'['; 100_000];
    for (begins, most) in [(&whole[..head], 5 << 20), (b"", 200_000)] {
        let mut file = BackupFile::create(&world.directory.path().join("long")).unwrap();
        file.write(begins).unwrap();
        let mut taken = 0;
        let error = loop {
            match file.write(&piece) {
                Ok(_) => taken += piece.len(),
                Err(error) => break error,
            }
            assert!(taken < most, "{taken} bytes of one line are in memory");
        };
        assert_eq!(error.code(), ErrorCode::InvalidRequest);
        assert!(error.to_string().starts_with("this is no backup to use: "), "{error}");
    }
}

#[tokio::test]
async fn a_backup_of_a_later_version_is_reported_before_it_is_read() {
    let world = World::on(Engine::Sqlite).await;
    let (path, _) = back_up(&world, "whole", None).await;
    let text = fs::read_to_string(&path).unwrap();
    let later = world.directory.path().join("later");
    for (from, to) in [
        ("\"minimum_version\":\"0.1.0\"", "\"minimum_version\":\"99.0.0\""),
        ("\"0003_activations\"", "\"0003_activations\",\"9999_later\""),
    ] {
        let head = text.lines().next().unwrap().replace(from, to);
        // Nothing but the first line is looked at.
        fs::write(&later, format!("{head}\nnonsense\n")).unwrap();
        let error = read(&later, |_| {}).err().unwrap().to_string();
        assert!(error.contains("install the newer version"), "{error}");
    }
}

#[tokio::test]
async fn a_backup_has_no_private_root_and_the_master_key_only_on_request() {
    World::each(|world| async move {
        let text = |path: &Path| fs::read_to_string(path).unwrap();
        let (plain, contents) = back_up(&world, "plain", None).await;
        assert!(contents.head.master_key(&secret("correct horse battery")).is_err());
        let root = fs::read_to_string(world.directory.path().join("root.key")).unwrap();
        let sealed = serde_json::from_str::<serde_json::Value>(&root).unwrap()["sealed"].clone();
        let (with, contents) = back_up(&world, "with", Some("correct horse battery")).await;
        let opened = contents.head.master_key(&secret("correct horse battery")).unwrap();
        assert_eq!(opened.encode().expose(), MasterKey::new([7; 32]).encode().expose());
        let wrong = contents.head.master_key(&secret("another passphrase")).err().unwrap().to_string();
        assert!(wrong.contains("passphrase"), "{wrong}");
        for path in [&plain, &with] {
            for private in [sealed.as_str().unwrap(), opened.encode().expose()] {
                assert!(!text(path).contains(private), "a private key is in the backup");
            }
        }
        let short = world.authority.backup(operator(), Some(secret("short"))).await.err().unwrap();
        assert_eq!(short.code(), ErrorCode::InvalidRequest);
    })
    .await;
}

#[tokio::test]
async fn the_root_in_a_shared_database_stays_there() {
    let scratch = kaching_testkit::Scratch::new(Engine::Postgres);
    let world = World::on(Engine::Sqlite).await;
    let authority = open(&world, &scratch.config, scratch.folder.path()).await.unwrap();
    let mut chunks = authority.backup(operator(), None).await.unwrap();
    let mut text = Vec::new();
    while let Some(piece) = chunks.next().await {
        text.extend(piece.unwrap());
    }
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("\"table\":\"roots\"") && !text.contains("argon2id"));
    authority.close().await;
}

#[tokio::test]
async fn no_file_is_overwritten_and_an_incomplete_one_is_removed() {
    let world = World::on(Engine::Sqlite).await;
    let (path, _) = back_up(&world, "once", None).await;
    assert_eq!(BackupFile::create(&path).err().unwrap().code(), ErrorCode::AlreadyExists);
    let half = world.directory.path().join("half");
    let bytes = fs::read(&path).unwrap();
    let mut file = BackupFile::create(&half).unwrap();
    file.write(&bytes[..bytes.len() - 9]).unwrap();
    assert!(file.finish().is_err());
    let mut raced = BackupFile::create(&half).unwrap();
    fs::write(&half, "another's").unwrap();
    raced.write(&bytes).unwrap();
    assert_eq!(raced.finish().err().unwrap().code(), ErrorCode::AlreadyExists);
    let left: Vec<_> =
        fs::read_dir(world.directory.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("unfinished")), "{left:?}");
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn one_backup_runs_at_a_time_and_a_cancelled_one_lets_the_next_begin() {
    World::each(|world| async move {
        let first = world.authority.backup(operator(), None).await.unwrap();
        let second = world.authority.backup(operator(), None).await.err().unwrap();
        assert_eq!(second.code(), ErrorCode::WrongState, "{second}");
        drop(first);
        back_up(&world, "after", None).await;
    })
    .await;
}

/// Slots come and go while the backup is read: what it holds is one moment.
#[tokio::test]
async fn a_backup_under_load_shows_one_moment() {
    World::each(|world| async move {
        let site = Site::plain(&world, 40).await;
        let stop = std::sync::atomic::AtomicBool::new(false);
        let load = async {
            let made =
                |round| (0..8).map(move |n| Installation::new(&format!("{round}-{n}"))).collect::<Vec<_>>();
            let (mut round, mut rounds) = (0, (0..12).map(made).collect::<Vec<_>>());
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let some = &mut rounds[round];
                for one in some.iter_mut() {
                    one.activate(&world, &site).await.unwrap_or_else(|_| panic!("a slot is free"));
                }
                for one in some.iter_mut().skip(round % 3) {
                    one.deactivate(&world).await.unwrap();
                    world.authority.run_jobs().await.unwrap();
                }
                round = (round + 1) % 12;
            }
        };
        let backups = async {
            for n in 0..6 {
                let (path, contents) = back_up(&world, &format!("loaded-{n}"), None).await;
                let target = kaching_testkit::Scratch::new(Engine::Sqlite);
                super::restored::restore_into(&world, &target.config, &path, &contents).await.unwrap();
                let authority = open(&world, &target.config, target.folder.path()).await.unwrap();
                let asker = kaching_authority::status::Asker::Key(site.key.clone());
                let standing = authority.status(asker).await.unwrap();
                assert_eq!(standing.license.license.active.unsigned_abs(), standing.active, "backup {n}");
                authority.close().await;
            }
            stop.store(true, std::sync::atomic::Ordering::Relaxed);
        };
        tokio::join!(load, backups);
        let (active, counted) = counts(&world, &site).await;
        assert_eq!(active, counted.unsigned_abs());
    })
    .await;
}

#[tokio::test]
async fn an_audit_entry_names_the_actor_of_a_backup() {
    World::each(|world| async move {
        let by = Cx::of(Actor::Local(1234));
        drop(world.authority.backup(by, None).await.unwrap());
        let found = super::setting::entries(&world, 1).await;
        assert_eq!(found[0].0, "backup.make");
    })
    .await;
}
