//! Metrics of the process from Linux, under the names that are usual for Prometheus; read at each scrape.

use std::fs;

use kaching_base::Timestamp;
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
};

/// Reads the metrics of this process. One that the system does not have is left out.
#[derive(Debug)]
pub(crate) struct Process {
    /// When it started, as far as this part of it knows.
    pub(crate) started: Timestamp,
}

/// Ticks per second in which Linux counts processor time, on every machine that we ship for.
const TICKS: f64 = 100.0;

impl Collector for Process {
    fn encode(&self, mut to: DescriptorEncoder) -> Result<(), std::fmt::Error> {
        let mut encode =
            |name: &str, help: &str, metric: &dyn MetricValue| metric.encode(&mut to, name, help);
        encode(
            "process_start_time_seconds",
            "Start of the process, in Unix seconds.",
            &self.started.seconds(),
        )?;
        if let Some(seconds) = cpu() {
            encode("process_cpu_seconds", "Time that processors spent on the process.", &Sum(seconds))?;
        }
        if let Some(bytes) = resident() {
            encode("process_resident_memory_bytes", "Memory that the process uses.", &bytes)?;
        }
        if let Some(open) = open_files() {
            encode("process_open_fds", "Files and connections that are open.", &open)?;
        }
        if let Some(most) = most_files() {
            encode("process_max_fds", "Files and connections that may be open together.", &most)?;
        }
        Ok(())
    }
}

/// A number that can be encoded as a metric.
trait MetricValue {
    fn encode(&self, to: &mut DescriptorEncoder, name: &str, help: &str) -> Result<(), std::fmt::Error>;
}

impl MetricValue for i64 {
    fn encode(&self, to: &mut DescriptorEncoder, name: &str, help: &str) -> Result<(), std::fmt::Error> {
        let gauge = ConstGauge::new(*self);
        gauge.encode(to.encode_descriptor(name, help, None, gauge.metric_type())?)
    }
}

/// A value that only grows.
struct Sum(f64);

impl MetricValue for Sum {
    fn encode(&self, to: &mut DescriptorEncoder, name: &str, help: &str) -> Result<(), std::fmt::Error> {
        let counter = ConstCounter::new(self.0);
        counter.encode(to.encode_descriptor(name, help, None, counter.metric_type())?)
    }
}

fn resident() -> Option<i64> {
    let kib: i64 = line("/proc/self/status", "VmRSS:")?.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

fn most_files() -> Option<i64> {
    // "unlimited" is no number, and left out.
    line("/proc/self/limits", "Max open files")?.split_whitespace().next()?.parse().ok()
}

fn open_files() -> Option<i64> {
    // One of them is the folder that is read here.
    i64::try_from(fs::read_dir("/proc/self/fd").ok()?.count()).ok().map(|open| open - 1)
}

fn cpu() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program is in brackets and may contain anything; the rest begins with field 3.
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut spent = rest.split(' ').skip(11).take(2).map(|ticks| ticks.parse::<f64>().ok());
    Some((spent.next()?? + spent.next()??) / TICKS)
}

/// Returns the rest of the line after this word in a file of the system.
fn line(path: &str, word: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    text.lines().find_map(|line| line.strip_prefix(word)).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_resources_of_the_process_are_read() {
        let held: Vec<_> = (0..50).map(|_| fs::File::open("/proc/self/stat").unwrap()).collect();
        let (open, most) = (open_files().unwrap(), most_files().unwrap());
        assert!(i64::try_from(held.len()).unwrap() < open && open <= most, "{open} of {most}");
        assert!(resident().unwrap() > 1024 * 1024);
        let before = cpu().unwrap();
        let mut spun = 0_u64;
        while cpu().unwrap() <= before {
            spun = std::hint::black_box(spun + 1);
        }
    }
}
