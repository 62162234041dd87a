use std::path::PathBuf;

use clap::Args;

use super::{
    activate::Activate,
    admin::Admin,
    ceiling::Ceiling,
    check::Check,
    disk::Disk,
    engines::{Engine, Engines},
    events::Events,
    figures::Figures,
    heartbeat::Heartbeat,
    reconnect_storm::ReconnectStorm,
    report,
    scale::Scale,
    series::Load,
    server_process::Algorithm,
    start::Start,
    validate::Validate,
    verify::Verify,
};
use kaching_command::{failure::Failure, output::remark};

/// All measurements, one after the other, for the published report
#[derive(Args)]
pub struct All {
    /// Write the report between the marks of this file, and the pictures into its directory
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
    /// Run each once, briefly and with fewer installations, to see that it works
    #[arg(long)]
    quick: bool,
    /// The numbers of installations for the cost of a heartbeat, in ascending order
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(10..=20_000_000))]
    sizes: Vec<u64>,
    #[command(flatten)]
    engines: Engines,
}

/// The size of each measurement.
struct Amount {
    seconds: u32,
    runs: u32,
    stored: u64,
    sizes: Vec<u64>,
    /// Fewer, since filling PostgreSQL takes many minutes.
    sizes_on_postgres: Vec<u64>,
    cycles: u32,
    streams: u32,
    over_three: u32,
    storm: u32,
    /// The requests per second of the open loop.
    rate: f64,
    connections: u32,
}

impl Amount {
    fn scale(&self, sizes: Vec<u64>, engines: Engines) -> Scale {
        Scale {
            sizes,
            seconds: self.seconds,
            connections: 64,
            runs: self.runs,
            rate: Some(self.rate),
            engines,
        }
    }
}

impl All {
    pub(super) async fn rows(&self, disk: &Disk) -> Result<Vec<Figures>, Failure> {
        // A file without marks is an error before anything is measured.
        if let Some(path) = &self.into {
            report::split_at_marks(path)?;
        }
        let conditions = report::Conditions::gather(disk, &self.engines).await?;
        let rows = self.measure(disk).await?;
        if let Some(path) = &self.into {
            report::write(path, &conditions, &rows)?;
        }
        Ok(rows)
    }

    fn amount(&self) -> Amount {
        let sizes =
            |default: &[u64]| if self.sizes.is_empty() { default.to_vec() } else { self.sizes.clone() };
        match self.quick {
            true => Amount {
                seconds: 1,
                runs: 1,
                stored: 20_000,
                sizes: sizes(&[1000, 20_000]),
                sizes_on_postgres: sizes(&[1000, 20_000]),
                cycles: 5,
                streams: 500,
                over_three: 600,
                storm: 200,
                rate: 500.0,
                connections: 100,
            },
            false => Amount {
                seconds: 5,
                runs: 3,
                stored: 1_000_000,
                sizes: sizes(&[10_000, 100_000, 1_000_000, 10_000_000]),
                sizes_on_postgres: sizes(&[10_000, 100_000, 1_000_000]),
                cycles: 30,
                streams: 10_000,
                over_three: 50_000,
                storm: 18_000,
                rate: 5000.0,
                connections: 1000,
            },
        }
    }

    async fn measure(&self, disk: &Disk) -> Result<Vec<Figures>, Failure> {
        let amount = self.amount();
        let mut rows = self.loads(disk, &amount).await?;
        rows.extend(self.stored(disk, &amount).await?);
        Ok(rows)
    }

    /// Measures the calls of products.
    async fn loads(&self, disk: &Disk, amount: &Amount) -> Result<Vec<Figures>, Failure> {
        let Amount { seconds, runs, rate, connections, .. } = *amount;
        let closed = Load { seconds, connections: 64, runs, rate: None, sweep: false };
        let open = Load { connections, rate: Some(rate), ..closed };
        // Each step of a sweep is shorter, since the picture needs many points.
        let sweep =
            Load { seconds: seconds.min(2), connections: connections.min(256), sweep: true, ..closed };
        let heartbeats = |load, alg, engines: &Engines| Heartbeat {
            load,
            alg,
            installations: 20_000,
            engines: engines.clone(),
        };
        let (eddsa, rs256, engines) = (Algorithm::Eddsa, Algorithm::Rs256, &self.engines);
        let mut rows = Vec::new();
        announce("heartbeats");
        rows.extend(heartbeats(closed, eddsa, engines).rows(disk).await?);
        announce("heartbeats in an open loop");
        rows.extend(heartbeats(open, eddsa, engines).rows(disk).await?);
        rows.extend(Ceiling { load: open, alg: eddsa }.rows(disk).await?);
        announce("heartbeats at rates from a tenth of the maximum to above it");
        rows.extend(swept(heartbeats(sweep, eddsa, engines).rows(disk).await?));
        rows.extend(swept(Ceiling { load: sweep, alg: eddsa }.rows(disk).await?));
        announce("heartbeats with RS256");
        if engines.engine != Some(Engine::Postgres) {
            let rows_of = heartbeats(closed, rs256, &Engines::sqlite()).rows(disk).await?;
            rows.extend(rows_of.into_iter().map(|row| Figures { of: Some("RS256".to_owned()), ..row }));
        }
        announce("activations");
        rows.extend(Activate { load: closed, race: true, engines: engines.clone() }.rows(disk).await?);
        announce("validations");
        rows.extend(Validate { load: closed, engines: engines.clone() }.rows(disk).await?);
        announce("the ceiling, and checks in the product");
        rows.extend(Ceiling { load: closed, alg: eddsa }.rows(disk).await?);
        rows.extend(Check { seconds: seconds.min(2), runs }.rows(disk).await?);
        rows.extend(Verify { seconds: seconds.min(2), runs }.rows(disk).await?);
        Ok(rows)
    }

    /// Measures what depends on the number of installations or streams.
    async fn stored(&self, disk: &Disk, amount: &Amount) -> Result<Vec<Figures>, Failure> {
        let mut rows = Vec::new();
        announce("events");
        let events = |streams, replicas, engines| Events { streams, replicas, changes: 6, engines };
        if self.engines.engine != Some(Engine::Postgres) {
            rows.extend(events(amount.streams, 1, Engines::sqlite()).rows(disk).await?);
        }
        if self.engines.engine != Some(Engine::Sqlite) {
            rows.extend(events(amount.over_three, 3, self.engines.clone()).rows(disk).await?);
        }
        announce("clients that reconnect together");
        rows.push(ReconnectStorm::row(amount.storm, disk).await?);
        announce("starts and kills");
        rows.extend(Start { activations: amount.stored, cycles: amount.cycles }.rows(disk).await?);
        announce("the cost by the number of installations");
        if self.engines.engine != Some(Engine::Postgres) {
            rows.extend(amount.scale(amount.sizes.clone(), Engines::sqlite()).rows(disk).await?);
        }
        if self.engines.engine != Some(Engine::Sqlite) {
            let postgres = Engines { engine: Some(Engine::Postgres), ..self.engines.clone() };
            rows.extend(amount.scale(amount.sizes_on_postgres.clone(), postgres).rows(disk).await?);
        }
        announce("calls of operators");
        let admin = Admin { activations: amount.stored, times: 100, engines: self.engines.clone() };
        rows.extend(admin.rows(disk).await?);
        Ok(rows)
    }
}

/// Returns the rows of the open loops, marked for the picture: the table does not repeat them.
fn swept(rows: Vec<Figures>) -> Vec<Figures> {
    let open = rows.into_iter().filter(|row| row.looped == Some("open"));
    open.map(|row| Figures { of: Some("sweep".to_owned()), ..row }).collect()
}

/// Prints which measurement begins, also without a terminal, since this takes minutes.
fn announce(what: &str) {
    remark(&format!("measuring {what}"));
}
