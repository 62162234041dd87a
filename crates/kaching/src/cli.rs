//! The argument tree.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use kaching_api::SecretText;

use crate::{
    activation, audit, backup, clock, completion, config, customer, demo, doctor, feature, health, inspect,
    job, key, license, man, migrate, plan, product, reminders, restore, seed, serve, stats, token,
    version::VERSION,
};

/// The license authority: creates licenses, binds them to installations, stops them within a second
#[derive(Parser)]
#[command(name = "kaching", version = VERSION, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    #[command(flatten)]
    pub(crate) global: GlobalArguments,
}

/// The arguments that every command takes.
#[derive(Args)]
#[command(next_help_heading = "Everywhere")]
pub(crate) struct GlobalArguments {
    /// Print one JSON document, as in the API, or nothing
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// The data directory; unless set, ~/.kaching or that of the installed service
    #[arg(long, global = true, value_name = "DIR", env = "KACHING_DATA", hide_env_values = true)]
    pub(crate) data: Option<PathBuf>,
    /// An authority elsewhere, by its URL, rather than the data directory's
    #[arg(long, global = true, value_name = "URL", env = "KACHING_SERVER", hide_env_values = true)]
    pub(crate) server: Option<String>,
    /// The API token for --server
    #[arg(long, global = true, env = "KACHING_TOKEN", hide_env_values = true)]
    pub(crate) token: Option<SecretText>,
    /// A file that holds the token, so that no list of processes shows it
    #[arg(long, global = true, value_name = "FILE", env = "KACHING_TOKEN_FILE", hide_env_values = true)]
    pub(crate) token_file: Option<PathBuf>,
    /// More certificates to trust for --server, PEM
    #[arg(long, global = true, value_name = "FILE", env = "KACHING_CA", hide_env_values = true)]
    pub(crate) ca: Option<PathBuf>,
}

/// The commands.
#[derive(Subcommand)]
pub(crate) enum Command {
    Serve(serve::Serve),
    Demo(demo::Demo),
    #[command(subcommand)]
    Bench(kaching_bench::BenchCommand),
    Seed(seed::Seed),
    Inspect(inspect::Inspect),
    #[command(subcommand)]
    Product(product::ProductCommand),
    #[command(subcommand)]
    Feature(feature::FeatureCommand),
    #[command(subcommand)]
    Plan(plan::PlanCommand),
    #[command(subcommand)]
    Customer(customer::CustomerCommand),
    #[command(subcommand)]
    License(license::LicenseCommand),
    #[command(subcommand)]
    Activation(activation::ActivationCommand),
    #[command(subcommand)]
    Token(token::TokenCommand),
    #[command(subcommand)]
    Key(key::KeyCommand),
    #[command(subcommand)]
    Job(job::JobCommand),
    #[command(subcommand)]
    Clock(clock::ClockCommand),
    #[command(subcommand)]
    Audit(audit::AuditCommand),
    Stats(stats::Stats),
    Reminders(reminders::Reminders),
    Backup(backup::Backup),
    Restore(restore::Restore),
    Migrate(migrate::Migrate),
    Doctor(doctor::Doctor),
    Health(health::Health),
    #[command(subcommand)]
    Config(config::ConfigCommand),
    Completion(completion::Completion),
    Man(man::Man),
}

#[cfg(test)]
mod tests;
