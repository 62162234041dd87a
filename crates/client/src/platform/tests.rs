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
fn a_missing_program_gives_no_output() {
    assert_eq!(said("/nowhere/ioreg", &[]), None);
    assert_eq!(said("/bin/false", &[]), None);
    assert_eq!(said("/bin/echo", &["a"]).as_deref(), Some("a\n"));
}

#[test]
fn an_id_that_is_nobodys_is_none() {
    for id in
        ["", "uninitialized", "00000000000000000000000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff"]
    {
        assert!(!names_one_machine(id), "{id:?}");
    }
    for id in ["3d1219c7c4c5404aaa1f6d2a48adfda4", "564D1B0A-4C2E-5F3B-9A77-0123456789AB"] {
        assert!(names_one_machine(id), "{id}");
    }
    let root = tempfile::tempdir().unwrap();
    for (path, id) in [("etc", "\n"), ("var/lib/dbus", "3d1219c7c4c5404aaa1f6d2a48adfda4\n")] {
        fs::create_dir_all(root.path().join(path)).unwrap();
        fs::write(root.path().join(path).join("machine-id"), id).unwrap();
    }
    assert_eq!(id_in(root.path()).as_deref(), Some(""), "an image that brings D-Bus's along");
    fs::remove_file(root.path().join("etc/machine-id")).unwrap();
    assert!(names_one_machine(&id_in(root.path()).unwrap()), "a system without systemd");
}

/// Whether a system with these files and variables is a container.
fn container(files: &[(&str, &str)], variables: &[&str]) -> bool {
    let root = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    super::container::is_container(root.path(), |name| variables.contains(&name).then(|| "x".into()))
}

#[test]
fn a_container_is_known_by_any_of_its_marks() {
    let overlay = "1 0 0:9 / / rw - overlay overlay rw,lowerdir=/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/7/fs\n";
    let elsewhere =
        "1 0 0:9 / / rw - overlay overlay rw,lowerdir=/data/layers/7\n2 1 0:3 / /proc rw - proc proc rw\n";
    let group = "0::/kubepods.slice/kubepods-pod7.slice/cri-containerd-7.scope\n";
    for files in [
        &[(".dockerenv", "")][..],
        &[("run/.containerenv", "")],
        &[("var/run/secrets/kubernetes.io/serviceaccount/token", "x")],
        &[("proc/1/environ", "PATH=/bin\0container=podman\0")],
        &[("run/systemd/container", "docker\n")],
        &[("proc/self/cgroup", group)],
        &[("proc/self/mountinfo", overlay), ("proc/1/comm", "systemd\n")],
        &[("proc/self/mountinfo", elsewhere), ("proc/1/comm", "chorus\n")],
    ] {
        assert!(container(files, &[]), "{files:?}");
    }
    for variable in ["KUBERNETES_SERVICE_HOST", "container"] {
        assert!(container(&[], &[variable]), "{variable}");
    }
}

#[test]
fn a_machine_is_none() {
    let disk = "1 0 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n2 1 0:3 / /var/lib/docker/overlay2/7/merged rw - overlay overlay rw\n";
    let kiosk =
        "1 0 0:9 / / rw - overlay overlayroot rw,lowerdir=/media/root-ro,upperdir=/media/root-rw/overlay\n";
    for (mounts, comm) in [(disk, "systemd\n"), (disk, "runit\n"), (kiosk, "systemd\n")] {
        let files = [
            ("proc/self/mountinfo", mounts),
            ("proc/1/comm", comm),
            ("proc/1/environ", "HOME=/\0no_container=1\0"),
            ("proc/self/cgroup", "0::/system.slice/chorus.service\n"),
            ("run/systemd/container", "lxc\n"),
        ];
        assert!(!container(&files, &["PATH"]), "{mounts}");
    }
    assert!(!container(&[], &[]));
}
