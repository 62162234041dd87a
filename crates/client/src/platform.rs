//! The differences between operating systems, and nothing else. Code for one system is compiled on all of them where that
//! is possible, so that a change shows whether it still compiles.

use std::{fs, io, path::Path, process::Command, sync::OnceLock, time::Duration};

mod container;
mod files;
#[cfg(test)]
mod tests;

pub(crate) use container::in_container;
pub(crate) use files::{
    lock_file, new_file, open_file, parent, private_dir, read_file, read_id, sync_dir, truncate,
};

/// Time since the machine started, the time asleep included; where that cannot be had, since this process started.
pub(crate) fn boot_clock() -> Duration {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let clock = rustix::time::ClockId::Boottime;
    // On macOS this clock also advances while the machine sleeps.
    #[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
    let clock = rustix::time::ClockId::Monotonic;
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(clock);
        let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
        Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), nanos)
    }
    #[cfg(not(unix))]
    process_clock()
}

/// On Windows this clock also advances while the machine sleeps.
#[cfg(any(not(unix), test))]
fn process_clock() -> Duration {
    static START: OnceLock<std::time::Instant> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "this is the clock that is passed in elsewhere")]
    let now = std::time::Instant::now();
    now.duration_since(*START.get_or_init(|| now))
}

/// Returns an id of the present run of the machine, or of this process if the system has no such id or no boot clock. Then
/// readings of the boot clock from before a restart are not compared with those after it.
pub(crate) fn boot_id() -> String {
    static ID: OnceLock<String> = OnceLock::new();
    let of_process = || {
        #[expect(
            clippy::disallowed_methods,
            reason = "it only distinguishes processes that have the same number"
        )]
        let now = std::time::SystemTime::now();
        let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        format!("process-{}-{}", std::process::id(), since.as_micros())
    };
    let of_machine = || {
        let id = if cfg!(target_os = "macos") {
            said("/usr/sbin/sysctl", &["-n", "kern.bootsessionuuid"])
        } else {
            fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()
        };
        id.map(|id| id.trim().to_owned()).filter(|id| !id.is_empty() && cfg!(unix))
    };
    ID.get_or_init(|| of_machine().unwrap_or_else(of_process)).clone()
}

/// An id that names this machine, as the system says it.
///
/// # Errors
/// If there is none, or one that an image brings along and that many machines share.
pub(crate) fn machine_id() -> io::Result<String> {
    let id = if cfg!(target_os = "macos") {
        let output = said("/usr/sbin/ioreg", &["-rd1", "-c", "IOPlatformExpertDevice"]);
        output.and_then(|output| value_of("IOPlatformUUID", &output))
    } else if cfg!(windows) {
        let root = std::env::var_os("SystemRoot").unwrap_or_else(|| r"C:\Windows".into());
        let reg = Path::new(&root).join(r"System32\reg.exe");
        let key = r"HKLM\SOFTWARE\Microsoft\Cryptography";
        let output = said(reg, &["query", key, "/v", "MachineGuid", "/reg:64"]);
        output.and_then(|output| value_of("MachineGuid", &output))
    } else {
        id_in(Path::new("/"))
    };
    let id = id.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "this system has no machine id"))?;
    if names_one_machine(&id) {
        return Ok(id);
    }
    let advice = if cfg!(target_os = "linux") { ": `systemd-machine-id-setup` makes one" } else { "" };
    Err(io::Error::new(
        io::ErrorKind::InvalidData,
        format!("its machine id is {id:?}, as in an image, and names no machine{advice}"),
    ))
}

/// The id in the files of systemd or D-Bus. An empty or unfinished one of systemd is not made up for by that of D-Bus,
/// which the same image has brought along.
fn id_in(root: &Path) -> Option<String> {
    let files = ["etc/machine-id", "var/lib/dbus/machine-id"].iter();
    let mut found = files.filter_map(|file| fs::read_to_string(root.join(file)).ok());
    found.next().map(|id| id.trim().to_owned())
}

/// Whether an id was drawn for one machine: 32 hexadecimal digits that are not all equal. Images have `uninitialized`,
/// an empty text, or zeros instead.
fn names_one_machine(id: &str) -> bool {
    let digits: Vec<_> = id.chars().filter(|c| *c != '-').map(|c| c.to_ascii_lowercase()).collect();
    digits.len() == 32
        && digits.iter().all(char::is_ascii_hexdigit)
        && digits.iter().any(|digit| *digit != digits[0])
}

/// The machine's id where it stays the same for as long as the machine does: none in a container. Looked up once.
pub(crate) fn lasting_machine_id() -> Option<&'static str> {
    static ID: OnceLock<Option<String>> = OnceLock::new();
    ID.get_or_init(|| if in_container() { None } else { machine_id().ok() }).as_deref()
}

/// Returns the output of a program of the system, which is run by its whole path.
fn said(program: impl AsRef<Path>, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program.as_ref()).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).ok()).flatten()
}

/// Returns the last word of the line that has the name, without quotation marks, as `ioreg` and `reg query` print it.
fn value_of(name: &str, output: &str) -> Option<String> {
    let line = output.lines().find(|line| line.contains(name))?;
    let value = line.split_whitespace().last()?.trim_matches('"');
    (!value.contains(name)).then(|| value.to_owned())
}
