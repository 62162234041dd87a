//! Serving an authority from this process until a signal ends it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use kaching_server::{App, Listeners, Shutdown, Stop, config::Config, shutdown};
use tokio::task::JoinSet;

use crate::{data_dir::DataDir, failure::Failure, log, open_local, output::Output, settings};

pub mod descriptors;
mod ephemeral;
mod greeting;
mod passed_sockets;
mod service_manager;
mod signals;
mod watchdog;

pub use ephemeral::{serve_ephemeral, settings as ephemeral_settings};
use service_manager::ServiceManager;
pub use signals::Signals;
use signals::StopSignal;

/// The time that closing the database may take after the last request, which only its disk limits.
const CLOSING: Duration = Duration::from_secs(30);

/// Serves the authority of a data directory. `version` and `warning` are logged, the latter with the warnings about the
/// environment.
pub async fn serve(
    data: &DataDir,
    mut config: Config,
    environment: &BTreeMap<String, String>,
    version: &str,
    warning: Option<String>,
    output: &Output,
) -> Result<(), Failure> {
    // Kept until the end: dropping it sends the remaining traces.
    let _traces = log::start(&config, environment)?;
    let manager = Arc::new(ServiceManager::of_process());
    let sockets = passed_sockets::take()?;
    sockets.set_addresses(&mut config).map_err(Failure::from_error)?;
    let fewer_connections = descriptors::fit(&mut config);
    for warning in settings::exposed(environment).into_iter().chain(warning) {
        tracing::warn!("{warning}");
    }
    data.make()?;
    let _owned = data.lock().map_err(|taken| taken.into_failure(data))?;
    data.check_modes()?;
    kaching_server::check_private_files(data.path()).map_err(Failure::from_error)?;
    // From here on a signal ends the server in good order, also while the authority is being opened.
    let signals = Signals::listen()?;
    let listeners =
        Listeners::with(sockets, &config, Some(data.path())).await.map_err(Failure::from_error)?;
    let addresses = listeners.addresses().clone();
    let opening = open_local::open(data, &config, listeners.issuer().clone());
    let app = manager.while_opening(opening).await?;
    if let Some(warning) = fewer_connections {
        tracing::warn!("{warning}");
    }
    for doubt in config.doubts(addresses.product) {
        tracing::warn!("{doubt}");
    }
    let greeting = greeting::Greeting::of(&app, data, &addresses, listeners.issuer()).await;
    output.either(&greeting, || greeting.text(output.style))?;
    tracing::info!(version, listen = %addresses.product, public_url = app.issuer().as_str(), "serving");
    let (stop, asked) = shutdown();
    let mut signs = JoinSet::new();
    signs.spawn(watchdog::run(Arc::clone(&manager), data.socket().into(), asked.clone()));
    manager.ready(listeners.issuer().as_str());
    let stopping = Stopping { manager, stop, leave: leave(&config), longest: longest_stop(&config) };
    let done = until_stopped(listeners, &app, signals, stopping, asked).await;
    app.authority().close().await;
    done
}

/// Returns the time in which a server that is asked to stop still serves: those that share a database are behind a balancer.
fn leave(config: &Config) -> Duration {
    let seconds = if config.database.url.is_some() { config.server.leave_s } else { 0 };
    Duration::from_secs(seconds.into())
}

fn longest_stop(config: &Config) -> Duration {
    leave(config) + Duration::from_secs(config.server.shutdown_timeout_s.into()) + CLOSING
}

/// The parts of a stop.
struct Stopping {
    manager: Arc<ServiceManager>,
    stop: Stop,
    /// The time in which the server still serves, and reports that it is going to stop.
    leave: Duration,
    /// The longest time until the process ends.
    longest: Duration,
}

/// Serves until a signal, or until the database can no longer be trusted. After SIGTERM a server behind a balancer reports for
/// `leave` that it is going to stop. A second signal, or Ctrl-C, stops it immediately.
async fn until_stopped(
    listeners: Listeners,
    app: &App,
    mut signals: Signals,
    Stopping { manager, stop, leave, longest }: Stopping,
    asked: Shutdown,
) -> Result<(), Failure> {
    let serving = listeners.serve(app.clone(), asked);
    let mut asking = JoinSet::new();
    let leaving = app.clone();
    asking.spawn(async move {
        let signal = signals.next().await;
        manager.stopping(longest);
        if signal == StopSignal::Term && !leave.is_zero() {
            leaving.leave();
            tokio::select! {
                () = tokio::time::sleep(leave) => {}
                () = signals.requested() => {}
            }
        }
        stop.now();
    });
    serving.await.map_err(Failure::from_error)?;
    tracing::info!("stopped");
    Ok(())
}
