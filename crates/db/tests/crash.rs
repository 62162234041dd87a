//! What a process leaves behind that ends in the middle of its work: this program starts itself as that process.

#![expect(clippy::unwrap_used, reason = "what is not as expected fails the test")]
#![expect(clippy::print_stdout, reason = "the child tells its parent what was acknowledged")]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Command, ExitCode, Stdio},
};

use kaching_db::{Config, Db, Error, Metrics, params};
use prometheus_client::registry::Registry;
use tokio::task::JoinSet;

const ROUNDS: usize = 20;

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["work", path] => runtime.block_on(work(path)),
        ["until-fatal", path] => runtime.block_on(until_fatal(path)),
        // As the test harness would: a filter that names something else, or a wish for a list, runs nothing.
        [filter, ..] if filter == "--list" || !(filter.starts_with('-') || "crash".contains(filter)) => {}
        _ => {
            runtime.block_on(acknowledged_writes_survive_being_killed());
            runtime.block_on(a_disk_that_fails_is_fatal_and_leaves_a_sound_file());
            println!(
                "what was acknowledged is there after each of {ROUNDS} kills, and after a disk that failed"
            );
        }
    }
    ExitCode::SUCCESS
}

/// Each of these writes two rows in one transaction, again and again, and prints its number once it is acknowledged.
async fn work(path: &str) {
    let db = open(Path::new(path)).await;
    let start: i64 = db
        .write("start", |tx| {
            tx.execute("create table if not exists pairs (id bigint not null, half bigint not null)", &[])?;
            tx.query_one("select coalesce(max(id), 0) from pairs", &[], |row| row.get(0))
        })
        .await
        .unwrap_or_else(|error: Error| panic!("{error}"));
    let mut workers = JoinSet::new();
    for worker in 0..16 {
        let db = db.clone();
        workers.spawn(async move {
            for step in 0.. {
                let id = start + 1 + worker + 16 * step;
                write_pair(&db, id).await.unwrap();
                println!("{id}");
            }
        });
    }
    workers.join_all().await;
}

async fn write_pair(db: &Db, id: i64) -> Result<(), Error> {
    db.write("pair", move |tx| {
        for half in 0..2 {
            tx.execute("insert into pairs values (?1, ?2)", params![id, half])?;
        }
        Ok(())
    })
    .await
}

async fn acknowledged_writes_survive_being_killed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kaching.db");
    let mut acknowledged = Vec::new();
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["work".as_ref(), path.as_os_str()])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // The child is killed while it works: after another number of answers in each round.
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        acknowledged.extend(lines.by_ref().take(1 + 37 * round).map(|line| line.unwrap()));
        child.kill().unwrap();
        child.wait().unwrap();
        // What it had said before it died counts, too; a line that was cut off does not.
        acknowledged.extend(lines.map_while(Result::ok));

        let db = open(&path).await;
        let found: Vec<(i64, i64)> = db
            .read("found", |tx| {
                let sql = "select id, count(*) from pairs group by id";
                tx.query_all(sql, &[], |row| Ok((row.get(0)?, row.get(1)?)))
            })
            .await
            .unwrap_or_else(|error: Error| panic!("{error}"));
        assert!(found.iter().all(|(_, halves)| *halves == 2), "a transaction was torn in round {round}");
        let found: std::collections::HashSet<String> = found.iter().map(|(id, _)| id.to_string()).collect();
        let lost: Vec<_> = acknowledged.iter().filter(|id| !found.contains(*id)).collect();
        assert!(lost.is_empty(), "{lost:?} were acknowledged and are gone in round {round}");
        assert_eq!(db.check().await, Ok(()));
        db.close().await;
    }
    assert!(acknowledged.len() > ROUNDS, "the children did some work");
}

/// Writes until the file may not grow any more, which the system tells like a failing disk.
async fn until_fatal(path: &str) {
    let db = open(Path::new(path)).await;
    db.write("make", |tx| tx.execute("create table pairs (id bigint not null, half bigint not null)", &[]))
        .await
        .unwrap_or_else(|error: Error| panic!("{error}"));
    let mut id = 0;
    let error = loop {
        id += 1;
        match write_pair(&db, id).await {
            Ok(()) => println!("{id}"),
            Err(error) => break error,
        }
    };
    assert_eq!(error, Error::OutcomeUnknown);
    assert!(matches!(db.fatal().await, Error::Unavailable(_)));
    assert!(matches!(db.ping().await, Err(Error::Unavailable(_))));
    assert!(matches!(write_pair(&db, 0).await, Err(Error::Unavailable(_))), "nothing is written any more");
    std::io::stdout().flush().unwrap();
}

async fn a_disk_that_fails_is_fatal_and_leaves_a_sound_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kaching.db");
    // Blocks of 512 bytes or 1 KiB: either is reached by the log within a moment.
    let limited = "trap '' XFSZ; ulimit -f 600; exec \"$0\" until-fatal \"$1\"";
    let output = Command::new("sh")
        .args(["-c", limited])
        .arg(std::env::current_exe().unwrap())
        .arg(&path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let acknowledged = String::from_utf8(output.stdout).unwrap().lines().count() as i64;
    let db = open(&path).await;
    let found =
        db.read("found", |tx| tx.query_one("select count(*) from pairs", &[], |row| row.get::<i64>(0)));
    let found = found.await.unwrap_or_else(|error: Error| panic!("{error}"));
    assert!(acknowledged > 10);
    // The one whose outcome is unknown may be there or not, but not half of it.
    assert!(found == 2 * acknowledged || found == 2 * acknowledged + 2, "{found} {acknowledged}");
    assert_eq!(db.check().await, Ok(()));
}

async fn open(path: &Path) -> Db {
    Db::open(Config::sqlite(path), Metrics::register(&mut Registry::default())).await.unwrap()
}
