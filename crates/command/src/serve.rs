//! Serving an authority from this process until a signal ends it.

use std::{collections::BTreeMap, time::Duration};

use kaching_server::{App, Listeners, config::Config, shutdown};
use tokio::task::JoinSet;

use crate::{data_dir::DataDir, failure::Failure, log, open_local, output::Output, settings};

pub mod descriptors;
mod ephemeral;
mod greeting;
mod signals;

pub use ephemeral::{serve_ephemeral, settings as ephemeral_settings};
pub use signals::Signals;
use signals::StopSignal;

/// Serves the authority of a data directory. `warning` is logged with those about the environment.
pub async fn serve(
    data: &DataDir,
    mut config: Config,
    environment: &BTreeMap<String, String>,
    warning: Option<String>,
    output: &Output,
) -> Result<(), Failure> {
    // Kept until the end: dropping it sends the remaining traces.
    let _traces = log::start(&config, environment)?;
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
    let listeners = Listeners::bind(&config, Some(data.path())).await.map_err(Failure::from_error)?;
    let addresses = listeners.addresses().clone();
    let app = open_local::open(data, &config, listeners.issuer().clone()).await?;
    if let Some(warning) = fewer_connections {
        tracing::warn!("{warning}");
    }
    for doubt in config.doubts(addresses.product) {
        tracing::warn!("{doubt}");
    }
    let greeting = greeting::Greeting::of(&app, data, &addresses, listeners.issuer()).await;
    output.either(&greeting, || greeting.text(output.style))?;
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        listen = %addresses.product,
        public_url = app.issuer().as_str(),
        "serving"
    );
    let leave = if config.database.url.is_some() { config.server.leave_s } else { 0 };
    let done = until_stopped(listeners, &app, signals, Duration::from_secs(leave.into())).await;
    app.authority().close().await;
    done
}

/// Serves until a signal, or until the database can no longer be trusted. After SIGTERM a server behind a balancer reports for
/// `leave` that it is going to stop. A second signal, or Ctrl-C, stops it immediately.
async fn until_stopped(
    listeners: Listeners,
    app: &App,
    mut signals: Signals,
    leave: Duration,
) -> Result<(), Failure> {
    let (stop, asked) = shutdown();
    let serving = listeners.serve(app.clone(), asked);
    let mut asking = JoinSet::new();
    let leaving = app.clone();
    asking.spawn(async move {
        if signals.next().await == StopSignal::Term && !leave.is_zero() {
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
