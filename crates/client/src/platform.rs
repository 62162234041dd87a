//! What differs between operating systems, and nothing else. What is one system's own is compiled on all of them where
//! that is possible, so that whoever changes it sees whether it still fits.

use std::{fs, io, path::Path, process::Command, sync::OnceLock, time::Duration};

/// Time since the machine started, the time asleep included; where that cannot be had, since this process started.
pub(crate) fn boot_clock() -> Duration {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let clock = rustix::time::ClockId::Boottime;
    // On macOS this one goes on while the machine sleeps.
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

/// On Windows this goes on while the machine sleeps.
#[cfg(any(not(unix), test))]
fn process_clock() -> Duration {
    static START: OnceLock<std::time::Instant> = OnceLock::new();
    #[expect(clippy::disallowed_methods, reason = "this is the clock that is passed in elsewhere")]
    let now = std::time::Instant::now();
    now.duration_since(*START.get_or_init(|| now))
}

/// Names the present run of the machine; where the system has no name for it, or its clock cannot be had, of this
/// process: then what was read from the boot clock before a restart is not compared with what is read after.
pub(crate) fn boot_id() -> String {
    static ID: OnceLock<String> = OnceLock::new();
    let of_process = || {
        #[expect(
            clippy::disallowed_methods,
            reason = "it only tells one process from the next of the same number"
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

/// What names this machine, if the system says and it is one that stays.
pub(crate) fn machine_id() -> io::Result<String> {
    let id = if cfg!(target_os = "macos") {
        let told = said("/usr/sbin/ioreg", &["-rd1", "-c", "IOPlatformExpertDevice"]);
        told.and_then(|told| value_of("IOPlatformUUID", &told))
    } else if cfg!(windows) {
        let root = std::env::var_os("SystemRoot").unwrap_or_else(|| r"C:\Windows".into());
        let reg = Path::new(&root).join(r"System32\reg.exe");
        let key = r"HKLM\SOFTWARE\Microsoft\Cryptography";
        let told = said(reg, &["query", key, "/v", "MachineGuid", "/reg:64"]);
        told.and_then(|told| value_of("MachineGuid", &told))
    } else {
        let files = ["/etc/machine-id", "/var/lib/dbus/machine-id"].iter().map(fs::read_to_string);
        files.flatten().map(|id| id.trim().to_owned()).find(|id| !id.is_empty())
    };
    id.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "this system has no machine id"))
}

/// What a program of the system says, which is there under its whole path or not at all.
fn said(program: impl AsRef<Path>, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program.as_ref()).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8(output.stdout).ok()).flatten()
}

/// The last word of the line that has the name, without quotation marks: so `ioreg` and `reg query` say it.
fn value_of(name: &str, told: &str) -> Option<String> {
    let line = told.lines().find(|line| line.contains(name))?;
    let value = line.split_whitespace().last()?.trim_matches('"');
    (!value.contains(name)).then(|| value.to_owned())
}

/// Whether this process runs in a container, where machine ids come and go with the image.
pub(crate) fn in_container() -> bool {
    ["/.dockerenv", "/run/.containerenv"].iter().any(|path| Path::new(path).exists())
        || fs::read_to_string("/proc/1/environ").is_ok_and(|vars| vars.contains("container="))
}

/// Options that create a file for its owner alone; where files have no modes, for whom the directory is.
pub(crate) fn private_file() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a directory, and its parents, for its owner alone; where directories have no modes, for whom the parent is.
pub(crate) fn private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes what was renamed inside a directory last, where directories can be synced.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    if cfg!(unix) { fs::File::open(path)?.sync_all() } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_of_macos_and_windows_are_found_in_what_their_programs_say() {
        let ioreg = "+-o J314sAP  <class IOPlatformExpertDevice, id 0x10000022c>\n    {\n      \
                     \"IOPlatformSerialNumber\" = \"C02XG0AAJGH5\"\n      \
                     \"IOPlatformUUID\" = \"564D1B0A-4C2E-5F3B-9A77-0123456789AB\"\n    }\n";
        let uuid = Some("564D1B0A-4C2E-5F3B-9A77-0123456789AB".to_owned());
        assert_eq!(value_of("IOPlatformUUID", ioreg), uuid);
        let reg = "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Cryptography\r\n    \
                   MachineGuid    REG_SZ    0f1a2b3c-4d5e-6f70-8192-a3b4c5d6e7f8\r\n\r\n";
        assert_eq!(value_of("MachineGuid", reg), Some("0f1a2b3c-4d5e-6f70-8192-a3b4c5d6e7f8".to_owned()));
        assert_eq!(value_of("MachineGuid", "ERROR: The system was unable to find it.\r\n"), None);
        assert_eq!(value_of("IOPlatformUUID", "\"IOPlatformUUID\""), None, "a name is no value");
    }

    #[test]
    fn clocks_go_on_and_the_run_keeps_its_name() {
        for clock in [boot_clock, process_clock] {
            assert!(clock() <= clock());
        }
        assert_eq!(boot_id(), boot_id());
        assert!(!boot_id().is_empty());
    }

    #[test]
    fn a_program_that_is_not_there_says_nothing() {
        assert_eq!(said("/nowhere/ioreg", &[]), None);
        assert_eq!(said("/bin/false", &[]), None);
        assert_eq!(said("/bin/echo", &["a"]).as_deref(), Some("a\n"));
    }
}
