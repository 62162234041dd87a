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
    herd::Herd,
    report,
    scale::Scale,
    series::Load,
    server::Algorithm,
    start::Start,
    validate::Validate,
    verify::Verify,
};
use crate::{failure::Failure, output::remark};

/// All of it, one after the other, as the table that is published
#[derive(Args)]
pub(crate) struct All {
    /// Write the table between the marks of this file, and the pictures beside it
    #[arg(long, value_name = "FILE")]
    into: Option<PathBuf>,
    /// Each once, briefly and with less stored: to see that it works
    #[arg(long)]
    quick: bool,
    /// How many installations are stored where the cost of one heartbeat is measured, the fewest first
    #[arg(long, value_name = "N,…", value_delimiter = ',', value_parser = clap::value_parser!(u64).range(10..=20_000_000))]
    sizes: Vec<u64>,
    #[command(flatten)]
    engines: Engines,
}

/// How much of each.
struct Amount {
    seconds: u32,
    runs: u32,
    stored: u64,
    sizes: Vec<u64>,
    /// Fewer, as it takes PostgreSQL many minutes to be filled.
    sizes_on_postgres: Vec<u64>,
    cycles: u32,
    streams: u32,
    over_three: u32,
    herd: u32,
    /// What is offered in an open loop.
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
        // A file that cannot take the table is told before anything is measured.
        if let Some(path) = &self.into {
            report::marked(path)?;
        }
        let conditions = report::Conditions::look(disk, &self.engines).await?;
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
                herd: 200,
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
                herd: 18_000,
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

    /// What is asked all the time.
    async fn loads(&self, disk: &Disk, amount: &Amount) -> Result<Vec<Figures>, Failure> {
        let Amount { seconds, runs, rate, connections, .. } = *amount;
        let closed = Load { seconds, connections: 64, runs, rate: None, sweep: false };
        let open = Load { connections, rate: Some(rate), ..closed };
        // Each step of a sweep is shorter: it is the line that counts.
        let sweep =
            Load { seconds: seconds.min(2), connections: connections.min(256), sweep: true, ..closed };
        let beats = |load, alg, engines: &Engines| Heartbeat {
            load,
            alg,
            installations: 20_000,
            engines: engines.clone(),
        };
        let (eddsa, rs256, engines) = (Algorithm::Eddsa, Algorithm::Rs256, &self.engines);
        let mut rows = Vec::new();
        say("heartbeats");
        rows.extend(beats(closed, eddsa, engines).rows(disk).await?);
        say("heartbeats in an open loop");
        rows.extend(beats(open, eddsa, engines).rows(disk).await?);
        rows.extend(Ceiling { load: open, alg: eddsa }.rows(disk).await?);
        say("heartbeats from a tenth of what is possible to more than that");
        rows.extend(swept(beats(sweep, eddsa, engines).rows(disk).await?));
        rows.extend(swept(Ceiling { load: sweep, alg: eddsa }.rows(disk).await?));
        say("heartbeats with RS256");
        if engines.engine != Some(Engine::Postgres) {
            let rows_of = beats(closed, rs256, &Engines::sqlite()).rows(disk).await?;
            rows.extend(rows_of.into_iter().map(|row| Figures { of: Some("RS256".to_owned()), ..row }));
        }
        say("activations");
        rows.extend(Activate { load: closed, race: true, engines: engines.clone() }.rows(disk).await?);
        say("validations");
        rows.extend(Validate { load: closed, engines: engines.clone() }.rows(disk).await?);
        say("the ceiling, and checks in the product");
        rows.extend(Ceiling { load: closed, alg: eddsa }.rows(disk).await?);
        rows.extend(Check { seconds: seconds.min(2), runs }.rows(disk).await?);
        rows.extend(Verify { seconds: seconds.min(2), runs }.rows(disk).await?);
        Ok(rows)
    }

    /// What depends on how much is stored, or on how many listen.
    async fn stored(&self, disk: &Disk, amount: &Amount) -> Result<Vec<Figures>, Failure> {
        let mut rows = Vec::new();
        say("events");
        let events = |streams, replicas, engines| Events { streams, replicas, changes: 6, engines };
        if self.engines.engine != Some(Engine::Postgres) {
            rows.extend(events(amount.streams, 1, Engines::sqlite()).rows(disk).await?);
        }
        if self.engines.engine != Some(Engine::Sqlite) {
            rows.extend(events(amount.over_three, 3, self.engines.clone()).rows(disk).await?);
        }
        say("a herd");
        rows.push(Herd::row(amount.herd, disk).await?);
        say("starts and kills");
        rows.extend(Start { activations: amount.stored, cycles: amount.cycles }.rows(disk).await?);
        say("the cost against what is stored");
        if self.engines.engine != Some(Engine::Postgres) {
            rows.extend(amount.scale(amount.sizes.clone(), Engines::sqlite()).rows(disk).await?);
        }
        if self.engines.engine != Some(Engine::Sqlite) {
            let postgres = Engines { engine: Some(Engine::Postgres), ..self.engines.clone() };
            rows.extend(amount.scale(amount.sizes_on_postgres.clone(), postgres).rows(disk).await?);
        }
        say("what operators look at");
        let admin = Admin { activations: amount.stored, times: 100, engines: self.engines.clone() };
        rows.extend(admin.rows(disk).await?);
        Ok(rows)
    }
}

/// Rows for the picture, which the table does not repeat.
fn swept(rows: Vec<Figures>) -> Vec<Figures> {
    let open = rows.into_iter().filter(|row| row.looped == Some("open"));
    open.map(|row| Figures { of: Some("sweep".to_owned()), ..row }).collect()
}

/// How far it is, also where nobody looks at a terminal: this takes minutes.
fn say(what: &str) {
    remark(&format!("measuring {what}"));
}
