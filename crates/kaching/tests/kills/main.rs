//! Losses when a serving process, or the process of a product's host, is killed at its work: nothing that was
//! acknowledged. `KILLS` says how many of each are killed, and `FAILOVERS` how often PostgreSQL's primary is, and
//! `ROUNDS` how often each of three servers is restarted; the words `servers` (on SQLite), `streams`, `failovers`,
//! `rolling` and `proxies` ask for those alone. `upgrade` is never run unasked: it needs the binary of the previous
//! release, whose path is in `PREVIOUS`. This program starts itself as the host.

#![expect(clippy::unwrap_used, reason = "what is not as expected fails the test")]
#![expect(
    clippy::print_stdout,
    reason = "the host reports its actions to its parent, and the test how many kills it survived"
)]
#![expect(clippy::disallowed_methods, reason = "deadlines of tests are real time, and one setting is theirs")]

use std::{process::ExitCode, thread};

use kaching_testkit::Engine;

mod balancer;
mod changing;
mod failovers;
mod host;
mod hosts;
mod installation;
mod listeners;
mod load;
mod operator;
mod proxies;
mod proxy;
mod random;
mod rolling;
mod rounds;
mod server;
mod stops;
mod streams;
mod upgrade;
mod verify;
mod wire;

/// How many kills of each kind, unless said otherwise.
const KILLS: usize = 50;
const FAILOVERS: usize = 3;
const ROUNDS: usize = 1;

/// Returns the count that an environment variable sets.
fn count_from_env(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("it is a number"))
}

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["host", url, root, key, dir, manner] => host::work(url, root, key, dir, manner),
        ["servers"] => println!("{}", rounds::kill_servers(Engine::Sqlite, count_from_env("KILLS", KILLS))),
        ["streams"] => println!("{}", streams::kill_under_a_stream(count_from_env("KILLS", KILLS))),
        ["failovers"] => println!("{}", failovers::fail_over(count_from_env("FAILOVERS", FAILOVERS))),
        ["proxies"] => println!("{}", proxies::restart_behind_them(count_from_env("ROUNDS", ROUNDS))),
        ["upgrade"] => println!("{}", upgrade::upgrade()),
        ["rolling"] => println!("{}", rolling::restart_one_by_one(count_from_env("ROUNDS", ROUNDS))),
        // As the test harness would: a filter that names something else, or a wish for a list, runs nothing.
        [filter, ..] if filter == "--list" || !(filter.starts_with('-') || "kills".contains(filter)) => {}
        _ => {
            let (kills, failovers) = (count_from_env("KILLS", KILLS), count_from_env("FAILOVERS", FAILOVERS));
            // PostgreSQL keeps acknowledged writes on its own; the parts that are shared with it are tried on it as well.
            let on_postgres = kills / 4;
            let campaigns = [
                thread::spawn(move || rounds::kill_servers(Engine::Sqlite, kills - on_postgres)),
                thread::spawn(move || rounds::kill_servers(Engine::Postgres, on_postgres)),
                thread::spawn(move || failovers::fail_over(failovers)),
                thread::spawn(|| rolling::restart_one_by_one(count_from_env("ROUNDS", ROUNDS))),
                thread::spawn(|| proxies::restart_behind_them(count_from_env("ROUNDS", ROUNDS))),
                thread::spawn(move || hosts::kill_hosts(kills)),
                thread::spawn(move || hosts::kill_holders(kills.div_ceil(3))),
                thread::spawn(stops::end_with_the_license),
                thread::spawn(move || streams::kill_under_a_stream(kills.div_ceil(10))),
            ];
            // All of them end before a failure is reported: their servers end with them.
            for report in campaigns.map(thread::JoinHandle::join) {
                println!("{}", report.unwrap());
            }
        }
    }
    ExitCode::SUCCESS
}
