use std::{fs, path::Path};

use kaching_authority::{Clock as _, SystemClock};

use crate::{
    bench_server::{BenchServer, ServerOptions},
    disk::Disk,
    engines::{Engine, Engines, SQLITE},
};
use kaching_command::failure::Failure;

/// The conditions of a measurement: the machine, its load, and the databases.
#[derive(Default)]
pub(crate) struct Conditions {
    date: String,
    cores: usize,
    processor: String,
    memory_gib: u64,
    kernel: String,
    file_system: String,
    /// Milliseconds to write and sync a page: the median and the maximum.
    disk: (f64, f64),
    load: String,
    /// Each database by its version, and whether its changes are on disk before they are acknowledged.
    databases: Vec<(String, bool)>,
}

impl Conditions {
    /// Gathers the conditions before the measurement.
    pub(crate) async fn gather(disk: &Disk, engines: &Engines) -> Result<Self, Failure> {
        let line = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let load = line("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned();
        let field = |text: &str, name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.map(|rest| rest.trim_start_matches([' ', '\t', ':']).to_owned()).unwrap_or_default()
        };
        let kib = field(&line("/proc/meminfo"), "MemTotal");
        let kib: u64 = kib.split(' ').next().and_then(|kib| kib.parse().ok()).unwrap_or_default();
        Ok(Self {
            date: SystemClock.now().to_string().chars().take(10).collect(),
            cores: std::thread::available_parallelism().map_or(1, Into::into),
            processor: field(&line("/proc/cpuinfo"), "model name"),
            memory_gib: kib.div_ceil(1024 * 1024),
            kernel: line("/proc/sys/kernel/osrelease").trim().to_owned(),
            file_system: file_system(disk.path(), &line("/proc/mounts")),
            disk: disk.measure_sync()?,
            load,
            databases: databases(disk, engines).await?,
        })
    }

    pub(super) fn text(&self) -> String {
        let databases: Vec<String> = self
            .databases
            .iter()
            .map(|(version, durable)| {
                format!(
                    "{version} (answers on disk before they are sent: {})",
                    if *durable { "yes" } else { "no" }
                )
            })
            .collect();
        format!(
            "{}, kaching {}, {} cores of {}, {} GiB, Linux {}, {} (writing and syncing 4 KiB takes {:.1} ms, at most \
             {:.0} ms in the two seconds before); {}. Authority, database and load share these cores; load average before: \
             {}. If there were several runs, the median is shown, with the least and the most.",
            self.date,
            env!("CARGO_PKG_VERSION"),
            self.cores,
            if self.processor.is_empty() { "an unnamed kind" } else { &self.processor },
            self.memory_gib,
            self.kernel,
            self.file_system,
            self.disk.0,
            self.disk.1,
            databases.join(", "),
            self.load,
        )
    }
}

/// Returns the version and the durability of each engine, as the engine reports them.
async fn databases(disk: &Disk, engines: &Engines) -> Result<Vec<(String, bool)>, Failure> {
    let mut found = Vec::new();
    if engines.engine != Some(Engine::Postgres) {
        let server = BenchServer::start(disk, &SQLITE, ServerOptions::default()).await?;
        found.push((server.version.clone(), server.durable()));
        server.remove().await;
    }
    if engines.engine != Some(Engine::Sqlite)
        && let Some(postgres) = engines.database(disk)?
    {
        let server = BenchServer::start(disk, &postgres.location(), ServerOptions::default()).await?;
        found.push((server.version.clone(), server.durable()));
        server.remove().await;
    }
    Ok(found)
}

/// Returns the type of the innermost file system that holds the path.
fn file_system(path: &Path, mounts: &str) -> String {
    let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let on = mounts.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(1);
        let (at, kind) = (fields.next()?, fields.next()?);
        path.starts_with(at).then_some((at.len(), kind))
    });
    on.max_by_key(|(length, _)| *length).map_or("an unknown file system", |(_, kind)| kind).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_system_of_a_path_is_its_innermost_mount() {
        let mounts = "dev / ext4 rw\nshm /dev/shm tmpfs rw\nx /dev devtmpfs rw\n";
        assert_eq!(file_system(Path::new("/dev/shm"), mounts), "tmpfs");
        assert_eq!(file_system(Path::new("/home"), mounts), "ext4");
    }
}
