//! From the arguments to the command.

use clap::{ArgMatches, CommandFactory as _, parser::ValueSource};
use kaching_api::SecretText;
use kaching_authority::{Clock as _, SystemClock};
use kaching_base::pasted;
use tokio::runtime::Runtime;

use crate::{
    cli::{Cli, Command, GlobalArguments},
    data_dir::DataDir,
    failure::Failure,
    output::Output,
    remote::{AuthorityTarget, Client, IfMissing},
    settings,
};

/// Runs the command.
pub(crate) fn run(cli: Cli, matches: &ArgMatches) -> Result<(), Failure> {
    let output = Output::of_process(cli.global.json, no_color(), columns(), SystemClock.now());
    // The demo owns its processes and threads; everything else runs on one runtime.
    let command = match cli.command {
        Command::Demo(demo) => return demo.run(&output),
        // These need no authority and no data directory.
        Command::Completion(completion) => return completion.run(Cli::command(), &output),
        Command::Man(man) => return man.run(Cli::command(), &output),
        // It has no data directory, not even that of the environment.
        Command::Serve(serve) if serve.is_ephemeral() => {
            let data = matches.value_source("data") == Some(ValueSource::CommandLine);
            return runtime()?.block_on(serve.run_ephemeral(data, &settings::environment()));
        }
        command => command,
    };
    let target = target(cli.global, matches, &command)?;
    runtime()?.block_on(dispatch(command, &target, &output))
}

fn runtime() -> Result<Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(|error| Failure::refused(format!("The machine cannot start another thread: {error}.")))
}

/// Whether the user disabled colours: <https://no-color.org>.
pub(crate) fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Returns the width that the user has set for the terminal, by the variable that shells and tests use.
fn columns() -> Option<usize> {
    let columns = std::env::var_os("COLUMNS")?.to_str()?.parse().ok();
    columns.filter(|columns| *columns > 0)
}

async fn dispatch(command: Command, target: &AuthorityTarget, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Serve(serve) => serve.run(&target.data, &target.environment, output).await,
        Command::Bench(bench) => bench.run(target, output).await,
        Command::Inspect(inspect) => inspect.run(target, output).await,
        Command::Doctor(doctor) => doctor.run(target, output).await,
        Command::Health(health) => health.run(target, output).await,
        Command::Restore(restore) => restore.run(target, output).await,
        Command::Migrate(migrate) => migrate.run(target, output).await,
        Command::Config(config) => config.run(target, output),
        command => {
            let if_missing = if creates_first_data(&command) { IfMissing::Create } else { IfMissing::Refuse };
            let mut client = target.connect(if_missing).await?;
            let done = ask(command, &mut client, output).await;
            let done = done.map_err(|failure| failure.after(client.done()));
            client.close().await;
            done
        }
    }
}

/// Returns whether the command may create an authority, because it creates the first data.
fn creates_first_data(command: &Command) -> bool {
    match command {
        Command::Seed(_) => true,
        Command::Product(command) => command.creates_first_data(),
        Command::Customer(command) => command.creates_first_data(),
        Command::Token(command) => command.creates_first_data(),
        _ => false,
    }
}

async fn ask(command: Command, client: &mut Client, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Seed(command) => command.run(client, output).await,
        Command::Product(command) => command.run(client, output).await,
        Command::Feature(command) => command.run(client, output).await,
        Command::Plan(command) => command.run(client, output).await,
        Command::Customer(command) => command.run(client, output).await,
        Command::License(command) => command.run(client, output).await,
        Command::Activation(command) => command.run(client, output).await,
        Command::Token(command) => command.run(client, output).await,
        Command::Key(command) => command.run(client, output).await,
        Command::Job(command) => command.run(client, output).await,
        Command::Clock(command) => command.run(client, output).await,
        Command::Audit(command) => command.run(client, output).await,
        Command::Stats(command) => command.run(client, output).await,
        Command::Backup(command) => command.run(client, output).await,
        Command::Reminders(command) => command.run(client, output).await,
        Command::Serve(_)
        | Command::Demo(_)
        | Command::Bench(_)
        | Command::Inspect(_)
        | Command::Doctor(_)
        | Command::Health(_)
        | Command::Restore(_)
        | Command::Migrate(_)
        | Command::Config(_)
        | Command::Completion(_)
        | Command::Man(_) => {
            unreachable!("these need no client, or make their own")
        }
    }
}

/// Returns the authority that the command is for. The command line takes precedence over the environment.
fn target(
    global: GlobalArguments,
    matches: &ArgMatches,
    command: &Command,
) -> Result<AuthorityTarget, Failure> {
    let said = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
    let GlobalArguments { data, server, token, token_file, ca, .. } = global;
    let here = said("data") && !said("server");
    let server = server.filter(|url| !url.is_empty() && !here);
    let token = match (token, token_file) {
        // What it asks is public, so no token is sent, and no address is too open for it.
        _ if matches!(command, Command::Health(_)) => None,
        (Some(token), _) if said("token") || !said("token_file") => Some(token),
        (_, Some(path)) => Some(read_token(&path)?),
        (token, None) => token,
    };
    if server.is_some() && token.is_none() && !matches!(command, Command::Health(_)) {
        return Err(Failure::usage("--server needs a token: --token, --token-file, or KACHING_TOKEN."));
    }
    // On this machine the user is known; a token of the environment is for a server elsewhere.
    let token = token.filter(|_| server.is_some() || said("token") || said("token_file"));
    let token = token.map(|token| SecretText::new(pasted(token.expose())));
    Ok(AuthorityTarget {
        server,
        token,
        ca,
        data: DataDir::locate(data)?,
        environment: settings::environment(),
    })
}

fn read_token(path: &std::path::Path) -> Result<SecretText, Failure> {
    let text = settings::read_text(path).map_err(|error| {
        Failure::usage(format!("The token file {} cannot be read: {error}.", path.display()))
    })?;
    Ok(SecretText::new(text))
}
