use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use kaching_base::Secret;
use kaching_server::{
    App, Listeners,
    config::{Config, PublicUrl},
    shutdown,
};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinSet,
};

use crate::{
    data::DataDir,
    failure::Failure,
    log, opened,
    output::Output,
    settings::{self, sentence},
};

pub(crate) mod descriptors;
mod greeting;

/// Run the authority
#[derive(Args, Default)]
pub(crate) struct Serve {
    /// Where products reach it, 127.0.0.1:7700 unless set
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// Where operators and metrics are: the same on loopback, else 127.0.0.1:7701 unless set
    #[arg(long, value_name = "ADDRESS:PORT")]
    admin_listen: Option<SocketAddr>,
    /// postgres://…, or @FILE that holds it; SQLite in the data directory unless set
    #[arg(long, value_name = "URL|@FILE")]
    database: Option<String>,
    /// The certificate chain, PEM; read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<PathBuf>,
    /// The certificate's private key, PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<PathBuf>,
    /// How products reach it from outside: the issuer of its statements
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
}

impl Serve {
    pub(crate) async fn run(
        self,
        data: &DataDir,
        environment: &BTreeMap<String, String>,
        output: &Output,
    ) -> Result<(), Failure> {
        let doubts = self.database.as_deref().and_then(|text| settings::exposed_database("--database", text));
        let mut config = self.config(data, environment)?;
        // Until the end: what is left of the traces is sent then.
        let _traces = log::start(&config, environment)?;
        let fewer = descriptors::fit(&mut config);
        for warning in settings::exposed(environment).into_iter().chain(doubts) {
            tracing::warn!("{warning}");
        }
        data.make()?;
        let _owned = data.own().map_err(|taken| taken.sentence(data))?;
        data.check_modes()?;
        kaching_server::check_private_files(data.path()).map_err(|error| sentence(&error.to_string()))?;
        // Heard from here on: one that comes while the authority opens ends the server in good order, too.
        let signals = Signals::listen()?;
        let listeners = Listeners::bind(&config, Some(data.path()))
            .await
            .map_err(|error| sentence(&error.to_string()))?;
        let addresses = listeners.addresses().clone();
        let app = opened::open(data, &config, listeners.issuer().clone()).await?;
        if let Some(fewer) = fewer {
            tracing::warn!("{fewer}");
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

    /// The settings under the flags.
    fn config(self, data: &DataDir, environment: &BTreeMap<String, String>) -> Result<Config, Failure> {
        let mut config = settings::read(data, environment)?;
        if let Some(listen) = self.listen {
            config.server.listen = listen;
        }
        if self.admin_listen.is_some() {
            config.server.admin_listen = self.admin_listen;
        }
        if self.tls_cert.is_some() {
            (config.server.tls_cert, config.server.tls_key) = (self.tls_cert, self.tls_key);
        }
        if let Some(url) = self.public_url {
            let url: PublicUrl = url.parse().map_err(|error| Failure::usage(format!("{error}.")))?;
            config.server.public_url = Some(url);
        }
        if let Some(database) = self.database {
            config.database.url = Some(Secret::new(settings::named_or_in_file("--database", &database)?));
        }
        Ok(config)
    }
}

/// Serves until a signal asks for the end, or the database can no longer be trusted. Before a balancer's server ends,
/// it says so for as long as `leave`; whoever asks twice, or presses Ctrl-C, does not want to wait.
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
        if signals.which().await == Asked::ByTerm && !leave.is_zero() {
            leaving.leave();
            tokio::select! {
                () = tokio::time::sleep(leave) => {}
                () = signals.asked() => {}
            }
        }
        stop.now();
    });
    serving.await.map_err(|error| sentence(&error.to_string()))?;
    tracing::info!("stopped");
    Ok(())
}

/// Which signal it was.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Asked {
    ByTerm,
    ByInt,
}

/// What init systems and people end a process with.
pub(crate) struct Signals {
    term: Signal,
    int: Signal,
}

impl Signals {
    pub(crate) fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Failure::refused(format!("Signals cannot be received here: {error}.")))
        };
        Ok(Self { term: listen(SignalKind::terminate())?, int: listen(SignalKind::interrupt())? })
    }

    /// Returns when SIGTERM or SIGINT asks for the end.
    pub(crate) async fn asked(&mut self) {
        self.which().await;
    }

    /// As [`asked`](Self::asked), and says which it was.
    async fn which(&mut self) -> Asked {
        let asked = tokio::select! {
            _ = self.term.recv() => Asked::ByTerm,
            _ = self.int.recv() => Asked::ByInt,
        };
        tracing::info!("asked to stop by {}", if asked == Asked::ByTerm { "SIGTERM" } else { "SIGINT" });
        asked
    }
}
