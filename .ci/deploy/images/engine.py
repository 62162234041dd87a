"""Buildah and Podman on a store of their own, so that no image of this machine is used or left behind."""

import json
import os
import shutil
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", "target")).resolve() / "images"
# Systems without systemd and without the right to raise limits still run containers.
CONF = """
[containers]
cgroups = "disabled"
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
[network]
network_backend = "netavark"
network_config_dir = "{store}/networks"
"""


class Failed(Exception):
    """A command failed; the text has its output."""


def run(*command, check: bool = True, input: str | None = None, env: dict | None = None, cwd=None) -> str:
    """Runs a command and returns its standard output."""
    try:
        done = subprocess.run(
            [str(part) for part in command], input=input, cwd=cwd, env={**os.environ, **(env or {})}, text=True,
            capture_output=True, stdin=subprocess.DEVNULL if input is None else None,
        )
    except FileNotFoundError as missing:
        raise Failed(f"there is no {command[0]} on this machine") from missing
    if check and done.returncode != 0:
        said = f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
        raise Failed(f"`{' '.join(map(str, command))}` ended with {done.returncode}:\n{said.rstrip()}")
    return done.stdout


class Engine:
    """A store of images and containers. What `run` starts is gone at the end of `with`."""

    def __init__(self, name: str):
        self.store = TARGET / name
        # Short, because sockets are below it; and the same in each run, because Podman remembers it.
        self.run_root = Path("/run") / f"kaching-{sha256(str(self.store).encode()).hexdigest()[:8]}"
        self.options = ["--root", self.store, "--runroot", self.run_root, "--storage-driver", "overlay"]
        self.store.mkdir(parents=True, exist_ok=True)
        (TARGET / "tmp").mkdir(exist_ok=True)
        conf = self.store / "containers.conf"
        conf.write_text(CONF.format(store=self.store))
        # Cache mounts of a build stay in it from one run to the next.
        os.environ.update(CONTAINERS_CONF=str(conf), TMPDIR=str(TARGET / "tmp"))

    def __enter__(self) -> "Engine":
        # A run that was killed leaves its containers.
        self._clean()
        return self

    def __exit__(self, *_):
        self._clean()
        shutil.rmtree(self.run_root, ignore_errors=True)

    def _clean(self):
        if shutil.which("podman"):
            self.podman("rm", "--all", "--force", "--time", "0", check=False)
            self.podman("volume", "rm", "--all", "--force", check=False)
        self.buildah("rm", "--all", check=False)

    def buildah(self, *arguments, check: bool = True) -> str:
        return run("buildah", *self.options, *arguments, check=check)

    def podman(self, *arguments, check: bool = True, input: str | None = None) -> str:
        return run(*self.podman_command(), *arguments, check=check, input=input)

    def podman_command(self) -> list:
        return ["podman", *self.options, "--cgroup-manager", "cgroupfs", "--events-backend", "file"]

    def build(self, dockerfile: str, tag: str, *options) -> float:
        """Builds an image, and returns the seconds that it took."""
        began = time.monotonic()
        self.buildah("build", "--pull-never", "--isolation", "chroot", "--format", "docker", "--file", ROOT / dockerfile,
                     "--tag", tag, *options, ROOT)
        return time.monotonic() - began

    def layers(self, tag: str) -> str:
        """Returns the hashes of an image's layers. That of the image has a random id, which Buildah adds."""
        return " ".join(json.loads(self.buildah("inspect", "--type", "image", tag))["OCIv1"]["rootfs"]["diff_ids"])

    def config(self, tag: str) -> dict:
        return json.loads(self.buildah("inspect", "--type", "image", tag))["Docker"]["config"]

    def files(self, tag: str) -> dict[str, os.stat_result]:
        """Returns every file and folder of an image, by its path."""
        container = self.buildah("from", "--pull-never", tag).split()[-1]
        mounted = Path(self.buildah("mount", container).strip())
        found = {f"/{path.relative_to(mounted)}": path.lstat() for path in mounted.rglob("*")}
        self.buildah("rm", container)
        return found

    def healthy(self, container: str, seconds: float) -> float:
        """Waits until the health check of a container succeeds, and returns the seconds that it took."""
        began = time.monotonic()
        while not self.health(container):
            if time.monotonic() - began > seconds or not self.state(container)["Running"]:
                raise Failed(f"{container} is not healthy:\n{self.log(container)}")
            time.sleep(0.2)
        return time.monotonic() - began

    def health(self, container: str) -> bool:
        """Runs the health check of a container. Where there is no systemd, Podman never does it on its own."""
        command = [str(part) for part in [*self.podman_command(), "healthcheck", "run", container]]
        return subprocess.run(command, capture_output=True).returncode == 0

    def log(self, container: str) -> str:
        """Returns the end of what a container printed."""
        command = [str(part) for part in [*self.podman_command(), "logs", "--tail", 20, container]]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout

    def state(self, container: str) -> dict:
        return json.loads(self.podman("inspect", "--format", "{{json .State}}", container))


def isolated(script: str, argument: str) -> int:
    """Runs a script in a mount and a network namespace of its own: its ports are free, and nothing outside sees them."""
    enter = 'umount -l /sys/fs/cgroup/unified 2>/dev/null; ip link set lo up && exec "$@"'
    return subprocess.run(
        ["unshare", "--mount", "--net", "bash", "-c", enter, "enter", sys.executable, script, argument]
    ).returncode
