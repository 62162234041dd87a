"""Fresh Debian systems in which packages, scripts and guides are tried: debootstrap makes one, each test gets a copy of its own
(an overlay, gone at the end), in namespaces of its own (processes, network, mounts). With `boot` a real systemd runs in it.

It needs root, debootstrap, util-linux, and Debian's packages for a root that is not in the cache yet.
"""

import os
import shutil
import subprocess
import tempfile
import time
from hashlib import sha256
from pathlib import Path

SUITE = "bookworm"
MIRROR = os.environ.get("DEBIAN_MIRROR", "http://deb.debian.org/debian")
# Roots are kept here from one run to the next.
CACHE = Path(os.environ.get("CARGO_TARGET_DIR", "target")).resolve() / "roots"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
BASE = ["adduser", "ca-certificates", "curl", "dbus", "jq", "procps", "systemd", "systemd-sysv"]

# What the first process of a root runs before it becomes init: $1 is the root's directory, $2 is whether systemd runs.
# systemd gets a cgroup namespace, so that several roots do not share the units' groups.
ENTER = """
set -e
cd "$1"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do touch dev/$device && mount --bind /dev/$device dev/$device; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin && ln -s fd/1 dev/stdout && ln -s fd/2 dev/stderr
mount -t tmpfs -o mode=1777 tmpfs dev/shm
ip link set lo up
hostname "${1##*/}" 2>/dev/null || true
if [ "$2" = systemd ]; then
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        mount -t cgroup2 cgroup sys/fs/cgroup
    else
        mount -t tmpfs -o mode=755 cgroups sys/fs/cgroup
        mkdir sys/fs/cgroup/systemd
        mount -t cgroup -o none,name=systemd cgroup sys/fs/cgroup/systemd
    fi
    pivot_root . mnt && cd / && umount -l mnt
    # systemd leaves this to what starts a container; without it, services do not see their credentials.
    mount --make-rshared /
    exec env -i container=test PATH=%(path)s /lib/systemd/systemd --log-target=console --unit=multi-user.target
fi
pivot_root . mnt && cd / && umount -l mnt
exec sleep infinity
""" % {"path": PATH}


def base(packages: list[str]) -> Path:
    """Returns a directory with Debian and these packages, made if it is not in the cache."""
    names = sorted({*BASE, *packages})
    directory = CACHE / f"{SUITE}-{sha256(' '.join(names).encode()).hexdigest()[:12]}"
    if directory.exists():
        return directory
    CACHE.mkdir(parents=True, exist_ok=True)
    part = directory.with_name(f"{directory.name}.{os.getpid()}")
    print(f"making a Debian root with {' '.join(names)}", flush=True)
    include = ",".join(names)
    made = subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={include}", SUITE, part, MIRROR], capture_output=True, text=True
    )
    if made.returncode != 0:
        shutil.rmtree(part, ignore_errors=True)
        raise SystemExit(f"debootstrap failed:\n{made.stdout[-2000:]}{made.stderr[-2000:]}")
    shutil.rmtree(part / "var/cache/apt", ignore_errors=True)
    try:
        part.rename(directory)
    except OSError:  # Another process was faster.
        shutil.rmtree(part, ignore_errors=True)
    return directory


class Failed(Exception):
    """A command in a root failed; the text has its output."""


class Root:
    """A fresh Debian system. Use it in `with`: its processes and files are gone at the end."""

    def __init__(self, packages: list[str] | None = None, *, boot: bool = False):
        self.boot = boot
        self.lower = base(packages or [])
        self.directory = Path(tempfile.mkdtemp(prefix="root-"))
        self.path = self.directory / "kaching-test"
        self.cgroup = None

    def __enter__(self) -> "Root":
        # The upper layer is on a file system of its own: an overlay cannot lie on another overlay.
        self.path.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755,size=4g", "tmpfs", self.directory], check=True)
        for name in ("upper", "work", "kaching-test"):
            (self.directory / name).mkdir()
        layers = f"lowerdir={self.lower},upperdir={self.directory}/upper,workdir={self.directory}/work"
        subprocess.run(["mount", "-t", "overlay", "-o", layers, "overlay", self.path], check=True)
        arguments = ["unshare", "--mount", "--pid", "--fork", "--net", "--uts", "--ipc", "--kill-child"]
        if self.boot:
            arguments.append("--cgroup")
            self.cgroup = self._own_cgroup()
        log = (self.directory / "console").open("wb")
        self.process = subprocess.Popen(
            [*arguments, "bash", "-c", ENTER, "enter", self.path, "systemd" if self.boot else "sleep"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=self._join,
        )
        self._until(self._init_is_there, "the root does not start")
        if self.boot:
            self._until(self._is_running, "systemd does not start")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        subprocess.run(["umount", "-l", self.path], check=False)
        subprocess.run(["umount", "-l", self.directory], check=False)
        shutil.rmtree(self.directory, ignore_errors=True)
        if self.cgroup:
            # Its processes are gone in a moment.
            self._until(self._cgroup_is_gone, f"{self.cgroup} cannot be removed")

    def run(self, command: str, *, check: bool = True, input: str | None = None, env: dict[str, str] | None = None) -> str:
        """Runs a line of shell in the root, as its root user, and returns what it printed (standard output and error)."""
        done = self.start(command, input=input, env=env)
        out, _ = done.communicate(input)
        if check and done.returncode != 0:
            raise Failed(f"`{command}` ended with {done.returncode}:\n{out}")
        self.code = done.returncode
        return out

    def start(self, command: str, *, input: str | None = None, env: dict[str, str] | None = None) -> subprocess.Popen:
        """Starts a line of shell in the root; its output is one pipe."""
        environment = {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8", "TERM": "dumb", **(env or {})}
        return subprocess.Popen(
            ["nsenter", "--target", str(self.init), "--mount", "--pid", "--net", "--uts", "--ipc", "--root",
             *(["--cgroup"] if self.boot else []), "env", "-i", *(f"{k}={v}" for k, v in environment.items()),
             "bash", "-c", f"cd; {command}"],
            stdin=subprocess.PIPE if input is not None else subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )

    def copy(self, source: Path | str, to: str, mode: int | None = None):
        """Copies a file or directory from outside to an absolute path in the root."""
        # Its namespace has the same overlay, so what is written here is seen there.
        target = self.path / to.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        if Path(source).is_dir():
            shutil.copytree(source, target, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy(source, target)
        if mode is not None:
            target.chmod(mode)

    def console(self) -> str:
        """Returns what the first process printed."""
        return (self.directory / "console").read_text(errors="replace")

    # ── how it starts and ends ──────────────────────────────────────────────────────────────────────────────────────

    def _own_cgroup(self) -> Path | None:
        one = Path("/sys/fs/cgroup")
        group = (one if (one / "cgroup.controllers").exists() else one / "systemd") / self.directory.name
        group.mkdir()
        return group

    def _join(self):
        if self.cgroup:
            (self.cgroup / "cgroup.procs").write_text("0")

    def _init_is_there(self) -> bool:
        if self.process.poll() is not None:
            raise SystemExit(f"the root ended: {self.console()}")
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        if not children:
            return False
        self.init = int(children[0])
        command = Path(f"/proc/{self.init}/cmdline").read_bytes().split(b"\0")[0]
        return command in (b"sleep", b"/lib/systemd/systemd")

    def _is_running(self) -> bool:
        return self.run("systemctl is-system-running", check=False).strip() in ("running", "degraded")

    def _cgroup_is_gone(self) -> bool:
        try:
            for group, _, _ in os.walk(self.cgroup, topdown=False):
                os.rmdir(group)
        except OSError:
            return not self.cgroup.exists()
        return True

    def _until(self, holds, otherwise: str):
        for _ in range(600):
            if holds():
                return
            time.sleep(0.05)
        raise SystemExit(f"{otherwise}: {self.console()}")
