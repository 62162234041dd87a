//! The private PostgreSQL ends with its process, even if that is killed: this program starts itself as that process.

#![expect(clippy::unwrap_used, reason = "what is not as expected fails the test")]
#![expect(clippy::print_stdout, reason = "the child tells its parent where its server is")]

use std::{
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use kaching_testkit::Server;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.first().map(String::as_str) {
        Some("child") => {
            let server = Server::start();
            println!("{}", server.database());
            // Until it is killed.
            std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        }
        // As the test harness would: a filter that names something else, or a wish for a list, runs nothing.
        Some(word) if word == "--list" || !(word.starts_with('-') || "keeper".contains(word)) => {}
        _ => {
            nothing_is_left_of_a_server_whose_process_was_killed();
            nothing_is_left_of_a_server_whose_process_was_killed_before_it_ran();
            println!("nothing is left of the servers");
        }
    }
}

fn nothing_is_left_of_a_server_whose_process_was_killed() {
    let mut child = child();
    let mut url = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut url).unwrap();
    let socket =
        url.trim_start_matches("postgresql://kaching@").split('/').next().unwrap().replace("%2F", "/");
    let home = PathBuf::from(socket);
    assert!(home.join("data/postmaster.pid").exists(), "{url}");
    ends_without_a_trace(child, &home);
}

fn nothing_is_left_of_a_server_whose_process_was_killed_before_it_ran() {
    let child = child();
    let home = loop {
        // The keeper works in the folder of its server.
        let keeper = std::fs::read_to_string(format!("/proc/{0}/task/{0}/children", child.id())).unwrap();
        let folder = std::fs::read_link(format!("/proc/{}/cwd", keeper.trim()));
        if let Some(home) = folder.ok().filter(|folder| folder.to_string_lossy().contains("/kaching-pg.")) {
            break home;
        }
        std::thread::yield_now();
    };
    assert!(!home.join("data/postmaster.pid").exists(), "it runs already");
    ends_without_a_trace(child, &home);
}

fn child() -> Child {
    Command::new(std::env::current_exe().unwrap())
        .arg("child")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn ends_without_a_trace(mut child: Child, home: &Path) {
    child.kill().unwrap();
    child.wait().unwrap();
    // The keeper holds the other end of this until it has stopped the server and removed the folder.
    child.stderr.take().unwrap().read_to_end(&mut Vec::new()).unwrap();
    assert!(!home.exists(), "{} is left", home.display());
}
