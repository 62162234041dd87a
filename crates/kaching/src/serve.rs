use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

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

mod greeting;

/// Run the authority
#[derive(Args)]
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
        let config = self.config(data, environment)?;
        log::start(&config)?;
        for warning in settings::exposed(environment) {
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
        let app = opened::open(data, &config, listeners.issuer().clone(), true).await?;
        for doubt in config.doubts(addresses.product) {
            tracing::warn!("{doubt}");
        }
        let greeting = greeting::Greeting::of(&app, data, &addresses, listeners.issuer());
        output.either(&greeting, || greeting.text(output.style))?;
        let done = until_stopped(listeners, &app, signals).await;
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

/// Serves until a signal asks for the end, or the database can no longer be trusted.
async fn until_stopped(listeners: Listeners, app: &App, mut signals: Signals) -> Result<(), Failure> {
    let (stop, asked) = shutdown();
    let serving = listeners.serve(app.clone(), asked);
    let mut asking = JoinSet::new();
    asking.spawn(async move {
        signals.asked().await;
        stop.now();
    });
    serving.await.map_err(|error| sentence(&error.to_string()))?;
    tracing::info!("stopped");
    Ok(())
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
        tokio::select! {
            _ = self.term.recv() => tracing::info!("asked to stop by SIGTERM"),
            _ = self.int.recv() => tracing::info!("asked to stop by SIGINT"),
        }
    }
}
