#![doc = include_str!("../README.md")]

mod activation;
mod audit;
mod backup;
mod cli;
mod clock;
mod completion;
mod config;
mod customer;
mod demo;
mod doctor;
mod dumps;
mod feature;
mod flags;
mod health;
mod inspect;
mod job;
mod key;
mod license;
mod man;
mod migrate;
mod noun;
mod passphrase;
mod plan;
mod product;
mod reminders;
mod restore;
mod run;
mod seed;
mod serve;
mod several;
mod stats;
mod token;
mod version;

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use clap::{CommandFactory as _, FromArgMatches as _};
use kaching_base::in_plain_words;
use kaching_command::{data_dir, failure, output, remote, settings, words};

use crate::{cli::Cli, failure::Failure, output::Style, output::remark};

/// A heartbeat allocates about 150 times, across threads and up to several kilobytes. With the system's allocator that takes
/// a fifth of its time, and each event stream needs a third more memory.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    dumps::forbid();
    let json = asks_for_json();
    let matches = match Cli::command().try_get_matches() {
        Ok(matches) => matches,
        // Help is an error, too, which goes to standard output and exits with 0; wrong usage exits with 2.
        Err(error) if !error.use_stderr() => {
            let _ = error.print();
            return ExitCode::SUCCESS;
        }
        Err(error) => return end(&misused(&error), json),
    };
    let done = Cli::from_arg_matches(&matches)
        .map_err(|error| misused(&error))
        .and_then(|cli| run::run(cli, &matches));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => end(&failure, json),
    }
}

/// Whether the output is for a program. Invalid arguments are reported in that form, too.
fn asks_for_json() -> bool {
    std::env::args_os().skip(1).take_while(|argument| argument != "--").any(|argument| argument == "--json")
}

/// Returns the error of clap as a failure.
fn misused(error: &clap::Error) -> Failure {
    let said = in_plain_words(&error.render().to_string());
    Failure::usage(said.trim_start_matches("error: ").trim_end())
}

/// Prints the failure, and returns the exit code.
fn end(failure: &Failure, json: bool) -> ExitCode {
    let said = failure.to_string();
    if json {
        if let Some(text) = failure.problem().and_then(|problem| serde_json::to_string_pretty(&problem).ok())
        {
            remark(&text);
        }
    } else if !said.is_empty() {
        let style = Style::new(io::stderr().is_terminal() && !run::no_color());
        remark(&format!("{} {said}", style.bad("error:")));
    }
    ExitCode::from(failure.exit_code())
}
