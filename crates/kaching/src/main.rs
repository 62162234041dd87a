#![doc = include_str!("../README.md")]

mod activation;
mod archive;
mod audit;
mod backup;
mod bench;
mod cli;
mod clock;
mod config;
mod customer;
mod data;
mod demo;
mod doctor;
mod dumps;
mod failure;
mod feature;
mod flags;
mod inspect;
mod key;
mod license;
mod log;
mod migrate;
mod opened;
mod output;
mod passphrase;
mod plan;
mod product;
mod reminders;
mod remote;
mod restore;
mod run;
mod seed;
mod serve;
mod settings;
mod stats;
mod token;

use std::{
    io::{self, IsTerminal as _},
    process::ExitCode,
};

use clap::{CommandFactory as _, FromArgMatches as _};
use kaching_base::in_plain_words;

use crate::{cli::Cli, failure::Failure, output::Style, output::remark};

/// A heartbeat takes and gives back about 150 pieces of memory, some of several kilobytes, on one thread and another. The
/// system's allocator spends a fifth of the time on that and keeps a third as much again for each stream.
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

/// Whether a program reads, which is to be known of arguments that make no sense as well.
fn asks_for_json() -> bool {
    std::env::args_os().skip(1).take_while(|argument| argument != "--").any(|argument| argument == "--json")
}

/// What clap says of arguments, in our words.
fn misused(error: &clap::Error) -> Failure {
    let said = in_plain_words(&error.render().to_string());
    Failure::usage(said.trim_start_matches("error: ").trim_end())
}

/// Says why, and gives the exit code.
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
