use std::{collections::BTreeMap, net::SocketAddr, path::PathBuf};

use clap::Args;
use kaching_base::{Seconds, Secret};
use kaching_command::serve::serve;
use kaching_server::config::{Config, PublicUrl};

use crate::{data_dir::DataDir, failure::Failure, flags::offset, output::Output, settings, version::VERSION};

mod ephemeral;

/// Run the authority
#[derive(Args)]
pub(crate) struct Serve {
    /// The address for products, 127.0.0.1:7700 unless set
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<SocketAddr>,
    /// The address for operators and metrics: the same on loopback, else 127.0.0.1:7701 unless set
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
    /// The URL at which products reach it: the issuer of its statements
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// Serve for a test: no data before or after, a free port, one line of JSON when it is ready, and an end with the
    /// process that started it
    #[arg(long, help_heading = "For tests")]
    ephemeral: bool,
    /// With --ephemeral, create the sample data of `kaching seed`, and a license for each of its plans
    #[arg(long, help_heading = "For tests")]
    seed: bool,
    /// With --ephemeral, how far its clock is moved: +40d or -1h
    #[arg(long, value_name = "TIME", allow_hyphen_values = true, value_parser = offset, help_heading = "For tests")]
    clock_offset: Option<Seconds>,
}

impl Serve {
    pub(crate) async fn run(
        self,
        data: &DataDir,
        environment: &BTreeMap<String, String>,
        output: &Output,
    ) -> Result<(), Failure> {
        self.refuse_tests_alone()?;
        let warning =
            self.database.as_deref().and_then(|text| settings::exposed_database("--database", text));
        let config = self.config(settings::read(data, environment)?)?;
        serve(data, config, environment, VERSION, warning, output).await
    }

    /// Returns the settings, with the flags in place of them.
    fn config(self, mut config: Config) -> Result<Config, Failure> {
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
