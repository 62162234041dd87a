//! Whether this process runs in a container, where a machine id comes with the image, so that it is everybody's, or goes
//! with the container.

use std::{ffi::OsString, fs, path::Path};

/// Files that container runtimes leave in what they run.
const MARKS: [&str; 3] = [".dockerenv", "run/.containerenv", "var/run/secrets/kubernetes.io/serviceaccount"];

/// Kinds of containers that are machines of their own: they have an id that was made for them, and stays.
const WHOLE_SYSTEMS: [&str; 4] = ["lxc", "lxc-libvirt", "systemd-nspawn", "wsl"];

/// Names in the path of a control group that show a container.
const GROUPS: [&str; 6] = ["kubepods", "/docker/", "/docker-", "cri-containerd", "/crio-", "libpod-"];

/// Directories in which container runtimes keep the layers of root file systems.
const LAYERS: [&str; 6] =
    ["containerd", "/docker/", "/overlay2/", "containers/storage", "/snapshots/", "crio"];

/// Names of the first process of a machine; in a container it is the product itself, or a small init program.
const INITS: [&str; 4] = ["systemd", "init", "procd", "openrc-init"];

/// Whether this process runs in a container.
pub(crate) fn in_container() -> bool {
    is_container(Path::new("/"), |name| std::env::var_os(name))
}

pub(super) fn is_container(root: &Path, variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let text = |file: &str| fs::read_to_string(root.join(file)).unwrap_or_default();
    let any = |text: &str, words: &[&str]| words.iter().any(|word| text.contains(word));
    // Inside a system that runs whole in a container, services have no such variable.
    let runtime = text("run/systemd/container");
    let runtime = runtime.trim();
    MARKS.iter().any(|mark| root.join(mark).exists())
        || variable("KUBERNETES_SERVICE_HOST").is_some()
        || variable("container").is_some_and(|kind| !kind.is_empty())
        || text("proc/1/environ").split('\0').any(|entry| entry.starts_with("container="))
        || !runtime.is_empty() && !WHOLE_SYSTEMS.contains(&runtime)
        || ["proc/self/cgroup", "proc/1/cgroup"].iter().any(|file| any(&text(file), &GROUPS))
        || root_is_layered(&text("proc/self/mountinfo"), |options| {
            any(options, &LAYERS) || !INITS.contains(&text("proc/1/comm").trim())
        })
}

/// Whether the root file system is made of layers whose options are as those of a container. There are machines with a
/// layered root, too: a router, a kiosk, an image-based distribution.
fn root_is_layered(mounts: &str, of_container: impl Fn(&str) -> bool) -> bool {
    // 22 27 0:21 / / rw,relatime - overlay overlay rw,lowerdir=…
    let root = mounts.lines().rfind(|line| line.split(' ').nth(4) == Some("/"));
    let Some((_, source)) = root.and_then(|line| line.split_once(" - ")) else { return false };
    let kind = source.split(' ').next().unwrap_or_default();
    ["overlay", "aufs", "fuse.fuse-overlayfs"].contains(&kind) && of_container(source)
}
