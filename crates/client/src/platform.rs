//! What differs between operating systems, and nothing else.

use std::{fs, io, path::Path, time::Duration};

/// Time since the machine started; on Linux the time asleep counts.
pub(crate) fn boot_clock() -> Duration {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
    let clock = rustix::time::ClockId::Monotonic;
    #[cfg(unix)]
    {
        let time = rustix::time::clock_gettime(clock);
        let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
        Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), nanos)
    }
    #[cfg(not(unix))]
    {
        use std::{sync::OnceLock, time::Instant};
        static START: OnceLock<Instant> = OnceLock::new();
        #[expect(clippy::disallowed_methods, reason = "this is the clock that is passed in elsewhere")]
        let now = Instant::now();
        now.duration_since(*START.get_or_init(|| now))
    }
}

/// Names the present run of the machine; where the system has no name for it, of this process.
pub(crate) fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_else(|_| format!("process-{}", std::process::id()))
}

/// What names this machine, if the system says and it is one that stays.
pub(crate) fn machine_id() -> io::Result<String> {
    ["/etc/machine-id", "/var/lib/dbus/machine-id"]
        .iter()
        .map(fs::read_to_string)
        .find_map(|id| id.ok().map(|id| id.trim().to_owned()).filter(|id| !id.is_empty()))
        .ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "this system has no machine id"))
}

/// Whether this process runs in a container, where machine ids come and go with the image.
pub(crate) fn in_container() -> bool {
    ["/.dockerenv", "/run/.containerenv"].iter().any(|path| Path::new(path).exists())
        || fs::read_to_string("/proc/1/environ").is_ok_and(|vars| vars.contains("container="))
}

/// Options that create a file for its owner alone.
pub(crate) fn private_file() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Makes a directory, and its parents, for its owner alone.
pub(crate) fn private_dir(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Makes what was renamed inside a directory last.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    fs::File::open(path)?.sync_all()?;
    #[cfg(not(unix))]
    let _ = path;
    Ok(())
}
