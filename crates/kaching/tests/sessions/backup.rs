//! Backups, restores and migrations by command.

use std::{
    fs, io::Read as _, net::TcpListener, os::unix::fs::PermissionsExt as _, process::Stdio, sync::mpsc,
    time::Duration,
};

use kaching_testkit::{Engine, Scratch};
use serde_json::{Value, json};

use crate::{
    kaching::{Kaching, Said},
    serve::Server,
};

fn refused(said: &Said, code: i32, what: &str) {
    assert_eq!(said.code, code, "{} {}", said.out, said.err);
    assert!(said.err.contains(what) && said.err.lines().count() == 1, "{}", said.err);
}

/// The files that an operator keeps elsewhere.
fn keys(from: &Kaching, to: &Kaching, names: &[&str]) {
    fs::create_dir_all(to.data()).unwrap();
    fs::set_permissions(to.data(), fs::Permissions::from_mode(0o700)).unwrap();
    for name in names {
        fs::copy(from.data().join(name), to.data().join(name)).unwrap();
    }
}

#[test]
fn a_backup_of_a_running_server_can_be_restored() {
    let kaching = Kaching::new();
    let server = Server::start(&kaching, &[]);
    let license = kaching.with_license();
    let made = kaching.json(&["backup", "b1"]);
    assert_eq!(fs::metadata(kaching.path().join("b1")).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(made["master_key"], json!(false));
    let rows = |made: &Value, table: &str| {
        let tables = made["tables"].as_array().unwrap();
        tables.iter().find(|found| found["table"] == table).unwrap()["rows"].clone()
    };
    assert_eq!(rows(&made, "licenses"), json!(1));
    refused(&kaching.run(&["backup", "b1"]), 1, "exists already");
    assert_eq!(server.stop(), 0);
    let in_process = kaching.json(&["backup", "b2"]);
    assert_eq!(rows(&in_process, "licenses"), json!(1));

    let backup = kaching.path().join("b1");
    let backup = backup.to_str().unwrap();
    refused(&kaching.run(&["restore", backup]), 1, "already holds an authority");
    let other = Kaching::new();
    refused(&other.run(&["restore", backup]), 1, "master.key");
    keys(&kaching, &other, &["master.key"]);
    refused(&other.run(&["restore", backup]), 1, "--root-key");
    fs::write(other.data().join("root.key"), "{}").unwrap();
    fs::set_permissions(other.data().join("root.key"), fs::Permissions::from_mode(0o600)).unwrap();
    refused(&other.run(&["restore", backup]), 1, "root.key is damaged");
    fs::remove_file(other.data().join("root.key")).unwrap();
    let root = kaching.data().join("root.key");
    let restored = other.json(&["restore", backup, "--root-key", root.to_str().unwrap()]);
    assert!(restored["epoch"].as_u64().unwrap() > 1);
    assert_eq!(other.json(&["license", "list"])["items"][0]["id"], license["id"]);
    assert_eq!(other.json(&["key", "root"]), kaching.json(&["key", "root"]), "products pin it");
    let names: Vec<_> = fs::read_dir(other.data()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!names.iter().any(|name| name.to_string_lossy().starts_with("restoring")), "{names:?}");
    refused(&other.run(&["restore", backup]), 1, "already holds an authority");
}

#[test]
fn an_interrupted_backup_leaves_no_file() {
    let kaching = Kaching::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut command = kaching.command();
    command.args(["backup", "b", "--server", &url, "--token", "kch_x"]).stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let (mut asked, _) = silent.accept().unwrap();
    asked.read_exact(&mut [0]).unwrap();
    assert_eq!(fs::read_dir(kaching.path()).unwrap().count(), 1, "it is begun");
    let process = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(process, rustix::process::Signal::INT).unwrap();
    let said = Said::of(&child.wait_with_output().unwrap());
    refused(&said, 1, "interrupted");
    assert_eq!(fs::read_dir(kaching.path()).unwrap().count(), 0);
}

#[test]
fn the_log_of_a_lost_database_is_not_applied_to_the_restored_one() {
    let kaching = Kaching::new();
    let server = Server::start(&kaching, &[]);
    let license = kaching.with_license();
    kaching.json(&["backup", "b"]);
    kaching.json(&["customer", "create", "--name", "Later", "--reference", "CUST-002"]);
    // A kill leaves its log.
    drop(server);
    assert!(fs::metadata(kaching.data().join("kaching.db-wal")).unwrap().len() > 0);
    fs::remove_file(kaching.data().join("kaching.db")).unwrap();
    kaching.json(&["restore", "b"]);
    assert_eq!(kaching.json(&["license", "list"])["items"][0]["id"], license["id"]);
    assert_eq!(kaching.json(&["customer", "list"])["items"].as_array().unwrap().len(), 1);
}

#[test]
fn an_invalid_backup_changes_nothing() {
    let kaching = Kaching::new();
    kaching.with_license();
    kaching.json(&["backup", "whole"]);
    let whole = fs::read(kaching.path().join("whole")).unwrap();
    let other = Kaching::new();
    keys(&kaching, &other, &["master.key", "root.key"]);
    let mut changed = whole.clone();
    let middle = changed.len() / 2;
    changed[middle] ^= 1;
    for (bytes, what) in [
        (&whole[..whole.len() / 2], "no backup to use"),
        (&changed, "no backup to use"),
        (b"", "no backup to use"),
    ] {
        fs::write(other.path().join("bad"), bytes).unwrap();
        refused(&other.run(&["restore", "bad"]), 1, what);
    }
    refused(&other.run(&["restore", "nowhere"]), 1, "cannot be read");
    refused(
        &other.run(&["restore", "bad", "--server", "https://x.example", "--token", "kch_x"]),
        2,
        "--server",
    );
    assert!(!other.data().join("kaching.db").exists());
}

#[test]
fn a_restore_that_fails_leaves_no_files() {
    let kaching = Kaching::new();
    kaching.with_license();
    kaching.json(&["backup", "whole"]);
    let whole = fs::read_to_string(kaching.path().join("whole")).unwrap();
    let stripped = {
        let mut lines: Vec<_> = whole.lines().map(str::to_owned).collect();
        let mut last: Value = serde_json::from_str(&lines.pop().unwrap()).unwrap();
        last.as_object_mut().unwrap().remove("mac");
        lines.push(last.to_string());
        lines.join("\n") + "\n"
    };
    let (root, master) = (kaching.data().join("root.key"), kaching.data().join("master.key"));
    let master = fs::read_to_string(master).unwrap();
    let other = Kaching::new();
    let below = |name: &str| other.path().join(name);
    fs::write(below("stripped"), &stripped).unwrap();
    fs::write(below("whole"), &whole).unwrap();
    fs::write(below("nonsense"), "nonsense").unwrap();
    fs::write(below("foreign.key"), "{}").unwrap();
    let before = fs::read_dir(other.path()).unwrap().count();
    let restore = |key: &str, arguments: &[&str]| {
        let mut command = other.command();
        command.env("KACHING_KEYS__MASTER", key).arg("restore").args(arguments);
        Said::of(&command.output().unwrap())
    };
    let root = root.to_str().unwrap();
    let wrong = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for (said, what) in [
        (restore(&master, &["stripped", "--root-key", root]), "--without-mac"),
        (restore(&master, &["nonsense", "--root-key", root]), "no backup to use"),
        (restore(&master, &["whole", "--root-key", "foreign.key"]), "root.key is damaged"),
        (restore(wrong, &["whole", "--root-key", root]), "master key"),
        (restore(&master, &["whole"]), "--root-key"),
    ] {
        refused(&said, 1, what);
        assert_eq!(fs::read_dir(other.path()).unwrap().count(), before, "{what}: it left something");
    }
    // Also one that fails in between: the database cannot be written.
    fs::create_dir(below("data")).unwrap();
    fs::set_permissions(below("data"), fs::Permissions::from_mode(0o700)).unwrap();
    fs::create_dir_all(below("data/kaching.db-wal/full")).unwrap();
    assert_eq!(restore(&master, &["whole", "--root-key", root]).code, 1);
    let left: Vec<_> = fs::read_dir(below("data")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["kaching.db-wal"], "what was there stays, and nothing else is");
    fs::remove_dir_all(below("data")).unwrap();
    let said = restore(&master, &["stripped", "--root-key", root, "--without-mac"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(below("data/kaching.db").exists() && below("data/root.key").exists());
}

#[test]
fn a_backup_holds_the_master_key_only_under_a_passphrase() {
    let kaching = Kaching::new();
    let server = Server::start(&kaching, &[]);
    let license = kaching.with_license();
    let passphrase = kaching.path().join("passphrase");
    fs::write(&passphrase, "correct horse battery\n").unwrap();
    let passphrase = passphrase.to_str().unwrap();
    refused(&kaching.run(&["backup", "b", "--with-master-key"]), 2, "--passphrase-file");
    kaching.json(&["backup", "b", "--with-master-key", "--passphrase-file", passphrase]);
    let url = format!("http://{}", server.greeting["listen"].as_str().unwrap());
    let token = server.greeting["first_token"].as_str().unwrap().to_owned();
    let there = ["--server", &url, "--token-file", &token];
    let away = ["backup", "away", "--with-master-key", "--passphrase-file", passphrase];
    refused(&kaching.run(&[&away[..], &there].concat()), 1, "the authority's own machine");
    let away = kaching.json(&[&["backup", "away"][..], &there].concat());
    assert_eq!(away["master_key"], json!(false));
    refused(
        &kaching.run(&[&["key", "root", "--save", "r"][..], &there].concat()),
        1,
        "the authority's own machine",
    );
    kaching.json(&["key", "root", "--save", "r"]);

    let other = Kaching::new();
    let (backup, root) = (kaching.path().join("b"), kaching.path().join("r"));
    let restore = ["restore", backup.to_str().unwrap(), "--root-key", root.to_str().unwrap()];
    refused(&other.run(&restore), 2, "--passphrase-file");
    fs::write(other.path().join("wrong"), "another passphrase").unwrap();
    refused(
        &other.run(&[&restore[..], &["--passphrase-file", "wrong"]].concat()),
        1,
        "passphrase does not open",
    );
    let mut command = other.command();
    command.env("KACHING_BACKUP_PASSPHRASE", "correct horse battery").args(restore);
    assert!(command.output().unwrap().status.success());
    let key = other.json(&["license", "key", license["id"].as_str().unwrap()]);
    assert_eq!(key["key"], license["key"], "what was sealed opens");
    let mode = fs::metadata(other.data().join("master.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_token_needs_the_scope_for_backups() {
    let kaching = Kaching::new();
    let server = Server::start(&kaching, &[]);
    let url = format!("http://{}", server.greeting["listen"].as_str().unwrap());
    let run = |scope: &str, file: &str| {
        let token = kaching.json(&["token", "create", "--name", scope, "--scope", scope]);
        let token = token["secret"].as_str().unwrap().to_owned();
        kaching.run(&["backup", file, "--server", &url, "--token", &token])
    };
    refused(&run("read", "read"), 1, "scope 'backup'");
    assert!(!kaching.path().join("read").exists());
    assert_eq!(run("backup", "taken").code, 0);
}

#[test]
fn a_migration_to_postgresql_survives_a_kill_and_leaves_one_authority() {
    let kaching = Kaching::new();
    let scratch = Scratch::new(Engine::Postgres);
    let url = scratch.url.clone().unwrap();
    let file = kaching.path().join("database");
    fs::write(&file, &url).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    assert!(kaching.run(&["migrate", "--to", "@database"]).err.contains("chmod 600 database"));
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let license = kaching.with_license();
    refused(&kaching.run(&["migrate", "--to", "sqlite://x"]), 2, "PostgreSQL");
    let server = Server::start(&kaching, &[]);
    refused(&kaching.run(&["migrate", "--to", "@database"]), 1, "owns");
    assert_eq!(server.stop(), 0);
    let (_never, nothing) = mpsc::channel::<()>();
    for wait in [150, 400, 700, 1000] {
        let mut command = kaching.command();
        command.args(["migrate", "--to", "@database"]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let _ = nothing.recv_timeout(Duration::from_millis(wait));
        let _ = child.kill();
        child.wait().unwrap();
    }
    if kaching.data().join("kaching.db").exists() {
        let moved = kaching.run(&["migrate", "--to", "@database"]);
        assert_eq!(moved.code, 0, "{}", moved.err);
    }
    assert!(kaching.data().join("kaching.db.moved").exists());
    refused(&kaching.run(&["serve", "--listen", "127.0.0.1:0"]), 1, "migrated to PostgreSQL");
    let server = Server::start(&kaching, &["--database", "@database"]);
    assert_eq!(kaching.json(&["license", "list"])["items"][0]["id"], license["id"]);
    let key = kaching.json(&["license", "key", license["id"].as_str().unwrap()]);
    assert_eq!(key["key"], license["key"], "the master key stayed");
    assert_eq!(server.stop(), 0);
}

#[test]
fn a_backup_is_made_on_a_schedule() {
    let kaching = Kaching::new();
    let backups = kaching.path().join("backups");
    fs::create_dir_all(&backups).unwrap();
    fs::create_dir_all(kaching.data()).unwrap();
    fs::set_permissions(kaching.data(), fs::Permissions::from_mode(0o700)).unwrap();
    let settings = format!("[backup]\ndirectory = {:?}\n", backups.to_str().unwrap());
    fs::write(kaching.data().join("config.toml"), settings).unwrap();
    let server = Server::start(&kaching, &[]);
    let found = |checks: Value| {
        let checks = checks.as_array().unwrap().clone();
        checks.into_iter().find(|check| check["check"] == "backup").unwrap()
    };
    let (_never, nothing) = mpsc::channel::<()>();
    let fine = (0..600).any(|_| {
        let _ = nothing.recv_timeout(Duration::from_millis(50));
        found(kaching.json(&["doctor"]))["status"] == "ok"
    });
    assert!(fine, "{}", found(kaching.json(&["doctor"])));
    let files: Vec<_> = fs::read_dir(&backups).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    kaching_authority::backup::read(&files[0], |_| {}).unwrap();
    assert_eq!(server.stop(), 0);
    let without = Kaching::new();
    without.json(&["product", "create", "--code", "x", "--name", "x"]);
    assert_eq!(found(without.json(&["doctor"]))["status"], "warn");
}
