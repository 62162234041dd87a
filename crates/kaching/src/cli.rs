//! The argument tree.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use kaching_api::SecretText;

use crate::{
    activation, audit, backup, bench, clock, config, customer, demo, doctor, feature, inspect, key, license,
    migrate, plan, product, reminders, restore, seed, serve, stats, token,
};

/// The license authority: makes licenses, binds them to installations, stops them within a second
#[derive(Parser)]
#[command(name = "kaching", version, max_term_width = 100, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) everywhere: Everywhere,
}

/// What every command takes.
#[derive(Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct Everywhere {
    /// Print one JSON document, as in the API, or nothing
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The data directory, ~/.kaching unless set
    #[arg(long, global = true, value_name = "DIR", env = "KACHING_DATA", hide_env_values = true)]
    pub(crate) data: Option<PathBuf>,
    /// An authority elsewhere, by its URL, rather than the data directory's
    #[arg(long, global = true, value_name = "URL", env = "KACHING_SERVER", hide_env_values = true)]
    pub(crate) server: Option<String>,
    /// The API token for --server
    #[arg(long, global = true, env = "KACHING_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<SecretText>,
    /// A file that holds the token, which then stands in no list of processes
    #[arg(long, global = true, value_name = "FILE", env = "KACHING_TOKEN_FILE", hide_env_values = true)]
    pub(crate) token_file: Option<PathBuf>,
    /// More certificates to trust for --server, PEM
    #[arg(long, global = true, value_name = "FILE", env = "KACHING_CA", hide_env_values = true)]
    pub(crate) ca: Option<PathBuf>,
}

/// What can be done.
#[derive(Subcommand)]
pub(crate) enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    #[command(subcommand)]
    Bench(bench::Command),
    Seed(seed::Seed),
    Inspect(inspect::Inspect),
    #[command(subcommand)]
    Product(product::Command),
    #[command(subcommand)]
    Feature(feature::Command),
    #[command(subcommand)]
    Plan(plan::Command),
    #[command(subcommand)]
    Customer(customer::Command),
    #[command(subcommand)]
    License(license::Command),
    #[command(subcommand)]
    Activation(activation::Command),
    #[command(subcommand)]
    Token(token::Command),
    #[command(subcommand)]
    Key(key::Command),
    #[command(subcommand)]
    Clock(clock::Command),
    #[command(subcommand)]
    Audit(audit::Command),
    Stats(stats::Stats),
    Reminders(reminders::Reminders),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Migrate(migrate::Migrate),
    Doctor(doctor::Doctor),
    #[command(subcommand)]
    Config(config::Command),
}

#[cfg(test)]
mod tests;
