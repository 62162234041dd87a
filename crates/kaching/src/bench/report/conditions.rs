use std::{fs, path::Path};

use kaching_authority::{Clock as _, SystemClock};

use crate::{
    bench::{
        disk::Disk,
        engines::{Engine, Engines, SQLITE},
        stand::{Setting, Stand},
    },
    failure::Failure,
};

/// The machine, and what else was going on.
#[derive(Default)]
pub(in super::super) struct Conditions {
    date: String,
    cores: usize,
    processor: String,
    memory_gib: u64,
    kernel: String,
    file_system: String,
    /// Milliseconds until a page is on the disk: the median, and the longest.
    disk: (f64, f64),
    load: String,
    /// Each database by its version, and whether its answers are on disk before they are sent.
    databases: Vec<(String, bool)>,
}

impl Conditions {
    /// As they are before the measurement.
    pub(in super::super) async fn look(disk: &Disk, engines: &Engines) -> Result<Self, Failure> {
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
            disk: disk.waits()?,
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
            "{}, kaching {}, {} cores of {}, {} GiB, Linux {}, {} (4 KiB are on its disk after {:.1} ms, {:.0} ms at \
             most in two seconds before); {}. Authority, database and load share these cores; load average before: \
             {}. Where there were several runs, the median is shown, with the least and the most.",
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

/// Asked of each engine itself.
async fn databases(disk: &Disk, engines: &Engines) -> Result<Vec<(String, bool)>, Failure> {
    let mut found = Vec::new();
    if engines.engine != Some(Engine::Postgres) {
        let stand = Stand::set(disk, &SQLITE, Setting::default()).await?;
        found.push((stand.version.clone(), stand.durable()));
        stand.strike().await;
    }
    if engines.engine != Some(Engine::Sqlite)
        && let Some(postgres) = engines.database(disk)?
    {
        let stand = Stand::set(disk, &postgres.place(), Setting::default()).await?;
        found.push((stand.version.clone(), stand.durable()));
        stand.strike().await;
    }
    Ok(found)
}

/// The kind of the innermost mount that the path is on.
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
    fn the_innermost_mount_counts() {
        let mounts = "dev / ext4 rw\nshm /dev/shm tmpfs rw\nx /dev devtmpfs rw\n";
        assert_eq!(file_system(Path::new("/dev/shm"), mounts), "tmpfs");
        assert_eq!(file_system(Path::new("/home"), mounts), "ext4");
    }
}
