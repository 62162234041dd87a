//! Restores on either engine, from older schemas, and after an interruption.

use std::{fs, future::Future, path::Path, pin::pin, sync::Arc, task::Poll};

use kaching_authority::{
    Actor, AuditFilter, List, MasterKey, NewToken, Rights, Sight,
    backup::{Contents, Restore, read, restore},
    domain::Scope,
};
use kaching_base::{Base64Url, Secret};
use kaching_base::{ErrorCode, Seconds};
use kaching_db::{Cell, Config, Sum};
use kaching_testkit::{Engine, Scratch, SeededEntropy, World, engines};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    backups::{back_up, open, secret},
    setting::{Installation, Site, database, read_lease, refused, trusted},
};

pub fn how(world: &World, database: &Config) -> Restore {
    Restore {
        database: database.clone(),
        master: MasterKey::new([7; 32]),
        without_mac: false,
        root: (fs::read_to_string(world.directory.path().join("root.key")).unwrap(), secret("")),
        keeps_root: true,
        issuer: None,
        by: Actor::Local(1000),
        clock: Arc::<kaching_testkit::FakeClock>::clone(&world.clock),
        entropy: Arc::new(SeededEntropy::new(55)),
    }
}

pub async fn restore_into(
    world: &World,
    database: &Config,
    path: &Path,
    contents: &Contents,
) -> kaching_authority::Result<u64> {
    restore(path, contents, how(world, database), &|_| {}).await
}

/// The tables that a restore changes: the epoch, the keyset that states it, and its entry.
const NEW: [&str; 5] = ["daily_counts", "settings", "keysets", "audit_entries", "roots"];

#[tokio::test]
async fn everything_is_there_again_on_either_engine_in_a_new_epoch() {
    World::each(|mut world| async move {
        let site = Site::plain(&world, 3).await;
        let (mut first, mut second) = (Installation::new("first"), Installation::new("second"));
        for one in [&mut first, &mut second] {
            one.activate(&world, &site).await.unwrap_or_else(|_| panic!("a slot is free"));
            one.heartbeat(&world).await.unwrap_or_else(|_| panic!("it runs"));
        }
        second.deactivate(&world).await.unwrap();
        world.clock.advance(Seconds(600));
        let before = world.authority.keys();
        let (path, contents) = back_up(&world, "backup", None).await;
        for target in engines() {
            let restored = restore_into(&world, &target.config, &path, &contents).await.unwrap();
            assert!(restored > before.epoch);
            let authority = open(&world, &target.config, target.folder.path()).await.unwrap();
            let keys = authority.keys();
            assert_eq!((keys.epoch, &keys.roots), (restored, &before.roots));
            assert!(keys.version > before.version, "clients refuse a keyset that is older");
            authority.check_root().await.unwrap();
            let keyset = trusted(&authority).keyset().clone();
            assert_eq!((keyset.epoch, keyset.version), (keys.epoch, keys.version));
            // Where the root is in the database, it is not in the backup, and here again all the same.
            world.authority = Arc::new(authority);
            let mut again = first.clone();
            let beat = again.beat();
            let request = beat.proof.request();
            let renewed = again
                .send_heartbeat(&world, beat)
                .await
                .unwrap_or_else(|_| panic!("its credential is known"));
            let lease = read_lease(&world, &renewed.lease, request);
            assert_eq!(lease.epoch, keys.epoch);
            assert_eq!(refused(second.clone().heartbeat(&world).await), ErrorCode::ActivationDeactivated);
            let (_, after) = back_up(&world, &format!("again-{}", target.engine().as_str()), None).await;
            for (before, after) in contents.tables.iter().zip(&after.tables) {
                assert_eq!(before.name, after.name);
                let moved = NEW.contains(&before.name.as_str()) || before.name == "activations";
                assert!(moved || before == after, "{before:?} became {after:?}");
            }
            let entries = super::setting::entries(&world, keys.epoch).await;
            assert!(entries.iter().any(|(action, _)| action == "backup.restore"), "{entries:?}");
            world.authority.close().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_backup_that_does_not_fit_is_refused_before_anything_is_written() {
    let world = World::on(Engine::Sqlite).await;
    let (path, contents) = back_up(&world, "backup", None).await;
    for target in engines() {
        let failure =
            async |how: Restore| restore(&path, &contents, how, &|_| {}).await.err().unwrap().to_string();
        let wrong = Restore { master: MasterKey::new([9; 32]), ..how(&world, &target.config) };
        assert!(failure(wrong).await.contains("master key"));
        let (text, _) = how(&world, &target.config).root;
        let wrong = Restore { root: (text, secret("mule")), ..how(&world, &target.config) };
        assert!(failure(wrong).await.contains("passphrase"));
        let elsewhere = Scratch::new(Engine::Sqlite);
        let foreign = open(&world, &elsewhere.config, elsewhere.folder.path()).await.unwrap();
        let (_, text) = foreign.sealed_root(super::setting::operator()).await.unwrap();
        foreign.close().await;
        let wrong = Restore { root: (text, secret("")), ..how(&world, &target.config) };
        assert!(failure(wrong).await.contains("another root"));
        restore_into(&world, &target.config, &path, &contents).await.unwrap();
        let (other, others) = back_up(&world, target.engine().as_str(), None).await;
        let error = restore_into(&world, &target.config, &other, &others).await.err().unwrap();
        assert_eq!(error.code(), ErrorCode::WrongState);
        assert!(error.to_string().contains("holds data already"), "{error}");
        open(&world, &target.config, target.folder.path()).await.unwrap().close().await;
    }
}

#[tokio::test]
async fn a_database_that_is_not_empty_is_refused_for_a_restore() {
    let world = World::on(Engine::Sqlite).await;
    let (path, contents) = back_up(&world, "backup", None).await;
    for target in engines() {
        let db = target.open().await;
        db.write("test.foreign", |tx| tx.execute("create table notes (text text)", &[])).await.unwrap();
        db.close().await;
        let error = restore_into(&world, &target.config, &path, &contents).await.err().unwrap().to_string();
        assert!(error.contains("holds data already (the table notes)"), "{error}");
    }
}

#[tokio::test]
async fn a_restore_that_was_interrupted_after_its_last_transaction_is_reported_as_done() {
    let mut world = World::on(Engine::Sqlite).await;
    let (path, contents) = back_up(&world, "backup", None).await;
    for target in engines() {
        let restored = restore_into(&world, &target.config, &path, &contents).await.unwrap();
        world.clock.advance(Seconds(60));
        let again = restore_into(&world, &target.config, &path, &contents).await.unwrap();
        assert_eq!(again, restored);
        world.authority = Arc::new(open(&world, &target.config, target.folder.path()).await.unwrap());
        Site::plain(&world, 1).await;
        world.authority.close().await;
        let error = restore_into(&world, &target.config, &path, &contents).await.err().unwrap().to_string();
        assert!(error.contains("holds data already"), "{error}");
    }
}

#[tokio::test]
async fn of_two_restores_of_one_backup_the_later_begins_a_later_epoch() {
    let world = World::on(Engine::Sqlite).await;
    let (path, contents) = back_up(&world, "backup", None).await;
    let mut last = world.authority.keys().epoch;
    for target in engines() {
        let epoch = restore_into(&world, &target.config, &path, &contents).await.unwrap();
        assert!(epoch > last, "{epoch} after {last}");
        last = epoch;
        world.clock.advance(Seconds(1));
    }
}

#[tokio::test]
async fn a_clock_behind_the_backup_begins_no_epoch() {
    let world = World::on(Engine::Sqlite).await;
    world.clock.advance(Seconds(60));
    world.authority.store_time().await.unwrap();
    let (path, contents) = back_up(&world, "backup", None).await;
    world.clock.advance(Seconds(-40));
    for target in engines() {
        let error = restore_into(&world, &target.config, &path, &contents).await.err().unwrap().to_string();
        assert!(error.contains("set it right"), "{error}");
        let error = open(&world, &target.config, target.folder.path()).await.err().unwrap().to_string();
        assert!(error.contains("not whole"), "{error}");
        world.clock.advance(Seconds(40));
        restore_into(&world, &target.config, &path, &contents)
            .await
            .expect("with the clock right, it goes on");
        open(&world, &target.config, target.folder.path()).await.unwrap().close().await;
        world.clock.advance(Seconds(-40));
    }
}

/// Ends a future after it was polled so often, as a kill would; what it has handed to others goes on.
pub async fn polled<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let (mut future, mut left) = (pin!(future), times);
    std::future::poll_fn(|cx| match (left, future.as_mut().poll(cx)) {
        (_, Poll::Ready(output)) => Poll::Ready(Some(output)),
        (0, Poll::Pending) => Poll::Ready(None),
        (_, Poll::Pending) => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}

#[tokio::test]
async fn an_interrupted_restore_continues_and_nothing_serves_before_it_is_complete() {
    let world = World::on(Engine::Sqlite).await;
    let site = Site::plain(&world, 3).await;
    Installation::new("first").activate(&world, &site).await.unwrap_or_else(|_| panic!("a slot is free"));
    let (path, contents) = back_up(&world, "backup", None).await;
    let (other, others) = back_up(&world, "other", None).await;
    for target in engines() {
        let (mut ended, mut polls) = (0, 3);
        let restored = loop {
            match polled(restore_into(&world, &target.config, &path, &contents), polls).await {
                Some(restored) => break restored.unwrap(),
                None => ended += 1,
            }
            let db = database(&target.config).await;
            let begun = db.unfinished().await.unwrap();
            db.close().await;
            if let Some(progress) = begun {
                let error =
                    open(&world, &target.config, target.folder.path()).await.err().unwrap().to_string();
                assert!(error.contains("not whole"), "at {progress:?}: {error}");
                let error =
                    restore_into(&world, &target.config, &other, &others).await.err().unwrap().to_string();
                assert!(error.contains("another copy"), "at {progress:?}: {error}");
            }
            polls += 6;
        };
        assert!(ended > 3, "it was ended only {ended} times");
        let authority = open(&world, &target.config, target.folder.path()).await.unwrap();
        assert_eq!(authority.keys().epoch, restored);
        authority.close().await;
    }
}

/// A backup of an earlier release, made of one of the present: of an earlier schema, with the SHA-256 of the first token,
/// and without a MAC.
fn of_an_earlier_release(text: &str, first_token: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let mut head: serde_json::Value = serde_json::from_str(lines[0]).unwrap();
    head["version"] = 1.into();
    let migrations = head["migrations"].as_array_mut().unwrap();
    let at = migrations.iter().position(|name| name == "0003_activations").unwrap();
    migrations.truncate(at);
    let later = [
        "products",
        "features",
        "plans",
        "customers",
        "search_words",
        "licenses",
        "license_keys",
        "tokens",
        "jobs",
    ];
    let first = [
        "data_keys",
        "roots",
        "signing_keys",
        "keysets",
        "settings",
        "idempotency_keys",
        "audit_entries",
        "audit_private",
    ];
    let hash = serde_json::json!({ "b": Base64Url(Sha256::digest(first_token)).to_string() });
    let mut kept = vec![head.to_string()];
    for (name, mut columns, mut rows) in tables(&lines) {
        match name.as_str() {
            "data_keys" => rows.retain(|row| row[0] != "token"),
            "tokens" => {
                let at = |name| columns.iter().position(|column| column == name).unwrap();
                let (hashed, rights) = (at("hash"), at("rights"));
                for row in &mut rows {
                    row[hashed] = hash.clone();
                    row.remove(rights);
                }
                columns.remove(rights);
            }
            "licenses" => remove(&["kept_day"], &mut columns, &mut rows),
            "jobs" => {
                let later = ["priority", "deduplication_key", "next_payload", "steps"];
                remove(&later, &mut columns, &mut rows);
            }
            _ => {}
        }
        if first.contains(&name.as_str()) || later.contains(&name.as_str()) {
            kept.extend(written(&name, &columns, &rows));
        }
    }
    whole(&kept)
}

/// Removes columns that a later release has added.
fn remove(later: &[&str], columns: &mut Vec<String>, rows: &mut [Vec<Value>]) {
    for name in later {
        let at = columns.iter().position(|column| column == name).unwrap();
        columns.remove(at);
        rows.iter_mut().for_each(|row| drop(row.remove(at)));
    }
}

/// The tables of a backup: name, columns, rows.
fn tables(lines: &[&str]) -> Vec<(String, Vec<String>, Vec<Vec<Value>>)> {
    let mut tables: Vec<(String, Vec<String>, Vec<Vec<Value>>)> = Vec::new();
    for line in &lines[1..lines.len() - 1] {
        match serde_json::from_str(line).unwrap() {
            Value::Array(row) => tables.last_mut().unwrap().2.push(row),
            mark if mark.get("table").is_some() => {
                let columns = serde_json::from_value(mark["columns"].clone()).unwrap();
                tables.push((mark["table"].as_str().unwrap().to_owned(), columns, Vec::new()));
            }
            _ => {}
        }
    }
    tables
}

/// The lines of a table, with the sum that its rows have.
fn written(name: &str, columns: &[String], rows: &[Vec<Value>]) -> Vec<String> {
    let mut sum = Sum::default();
    for row in rows {
        let cell = |value: &Value| match value {
            Value::Null => Cell::Null,
            Value::Number(n) => Cell::Int(n.as_i64().unwrap()),
            Value::String(text) => Cell::Text(text.clone()),
            bytes => Cell::Bytes(Base64Url::decode(bytes["b"].as_str().unwrap().as_bytes()).unwrap()),
        };
        sum.add(&row.iter().map(cell).collect::<Vec<_>>());
    }
    let begin = serde_json::json!({ "table": name, "columns": columns }).to_string();
    let end = serde_json::json!({ "end": name, "rows": rows.len(), "sum": sum.to_string() }).to_string();
    let rows = rows.iter().map(|row| Value::from(row.clone()).to_string());
    std::iter::once(begin).chain(rows).chain([end]).collect()
}

/// These lines with a last one that fits them, as anybody can make it: without a MAC.
fn whole(lines: &[String]) -> String {
    let text = lines.join("\n") + "\n";
    let sha256: String = Sha256::digest(&text).iter().map(|byte| format!("{byte:02x}")).collect();
    let rows = lines.iter().filter(|line| line.starts_with('[')).count();
    let tables = lines.iter().filter(|line| line.contains("\"end\":")).count();
    format!("{text}{}\n", serde_json::json!({ "tables": tables, "rows": rows, "sha256": sha256 }))
}

#[tokio::test]
async fn an_earlier_schema_is_brought_up_to_date_and_a_later_one_refused() {
    let world = World::on(Engine::Sqlite).await;
    Site::plain(&world, 1).await;
    let (path, _) = back_up(&world, "backup", None).await;
    let text = fs::read_to_string(&path).unwrap();
    let earlier = world.directory.path().join("earlier");
    let token = fs::read_to_string(world.directory.path().join("first-token")).unwrap().trim().to_owned();
    fs::write(&earlier, of_an_earlier_release(&text, &token)).unwrap();
    let contents = read(&earlier, |_| {}).unwrap();
    for target in engines() {
        let error = restore_into(&world, &target.config, &earlier, &contents).await.err().unwrap();
        assert!(error.to_string().contains("--without-mac"), "{error}");
        let how = Restore { without_mac: true, ..how(&world, &target.config) };
        restore(&earlier, &contents, how, &|_| {}).await.unwrap();
        let authority = open(&world, &target.config, target.folder.path()).await.unwrap();
        let audit = AuditFilter { action: Some("backup.restore".to_owned()), ..AuditFilter::default() };
        let audit =
            authority.audit_entries(&Sight::All, List { filter: audit, ..List::default() }).await.unwrap();
        assert!(audit.items[0].body.contains("\"without_mac\":true"), "{}", audit.items[0].body);
        authority.authenticate(Secret::new(token.clone())).await.expect("its tokens live on");
        let licenses = authority.licenses(&Sight::All, kaching_authority::List::default()).await.unwrap();
        assert_eq!(licenses.items.len(), 1);
        let activations =
            authority.activations(&Sight::All, kaching_authority::List::default()).await.unwrap();
        assert!(activations.items.is_empty(), "the later tables are there, too");
        authority.close().await;
    }
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    lines[0] = lines[0].replace("\"0003_activations\"", "\"0003_activations\",\"9999_later\"");
    lines.pop();
    let body = lines.join("\n") + "\n";
    let sha256: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
    let last = text.lines().last().unwrap();
    let mut last: serde_json::Value = serde_json::from_str(last).unwrap();
    last["sha256"] = sha256.into();
    let later = world.directory.path().join("later");
    fs::write(&later, format!("{body}{last}\n")).unwrap();
    let error = read(&later, |_| {}).err().unwrap().to_string();
    assert!(error.contains("install the newer version"), "{error}");
}

#[tokio::test]
async fn a_tampered_backup_is_not_restored() {
    let world = World::on(Engine::Sqlite).await;
    Site::plain(&world, 1).await;
    let reads = NewToken { name: "reports".to_owned(), scopes: [Scope::Read].into(), expires_at: None };
    world.authority.create_token(super::setting::operator(), reads, &Rights::all()).await.unwrap();
    let (path, contents) = back_up(&world, "backup", None).await;
    assert!(contents.has_mac());
    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let mut changed = vec![lines[0].to_owned()];
    for (name, columns, mut rows) in tables(&lines) {
        if name == "tokens" {
            let scopes = columns.iter().position(|column| column == "scopes").unwrap();
            rows.iter_mut().for_each(|row| row[scopes] = "[\"admin\"]".into());
        }
        changed.extend(written(&name, &columns, &rows));
    }
    let stripped = whole(&changed);
    let mut last: Value = serde_json::from_str(stripped.lines().last().unwrap()).unwrap();
    let right: Value = serde_json::from_str(lines[lines.len() - 1]).unwrap();
    last["mac"] = right["mac"].clone();
    let forged = world.directory.path().join("forged");
    for (text, without_mac, reason) in [
        (stripped, false, "--without-mac"),
        (format!("{}\n{last}\n", changed.join("\n")), false, "MAC of this backup is wrong"),
        (format!("{}\n{last}\n", changed.join("\n")), true, "MAC of this backup is wrong"),
    ] {
        fs::write(&forged, text).unwrap();
        let contents = read(&forged, |_| {}).expect("its sums fit");
        for target in engines() {
            let how = Restore { without_mac, ..how(&world, &target.config) };
            let error = restore(&forged, &contents, how, &|_| {}).await.err().unwrap().to_string();
            assert!(error.contains(reason), "{error}");
            let db = database(&target.config).await;
            assert_eq!(db.unfinished().await.unwrap(), None, "nothing was begun");
            db.close().await;
        }
    }
}
