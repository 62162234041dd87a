"""What the cases share: a release as it is downloaded, and what a command must answer on a machine."""

import hashlib
import re
import subprocess
from pathlib import Path

from roots import Root

# With a space, as people name folders.
FOLDER = "/opt/my downloads"
# What a running system, an authority and a product write on their own.
ALIVE = (
    r"^/(run/(systemd|log|udev|dbus|credentials|user|mount|[a-z]+-install[.]lock)|tmp/systemd-private|var/(log|cache|lib/(apt|systemd))"
    r"|var/lib/kaching/kaching[.]db|opt/(tls|other)/kaching[.]db|var/lib/cluster/license/state)"
)


class Wrong(Exception):
    """What does not hold, in a sentence."""


def show(text: str):
    print(f"  {text}", flush=True)


def holds(condition: bool, sentence: str):
    if not condition:
        raise Wrong(sentence)


def expect(root: Root, command: str, code: int, *texts: str, input: str | None = None, env: dict | None = None) -> str:
    """Runs a command in the root that must end with this code and print these texts."""
    out = root.run(command, check=False, input=input, env=env)
    holds(root.code == code, f"`{command}` ended with {root.code} in place of {code}:\n{out}")
    for text in texts:
        holds(text in out, f"`{command}` does not say “{text}”:\n{out}")
    return out


def listing(root: Root) -> dict[str, str]:
    """Returns every file of the root with its kind, mode, owner, size and time of change."""
    found = root.run("find / \\( -path /proc -o -path /sys -o -path /dev \\) -prune -o -printf '%p\\t%y %m %u %g %s %T@\\n'", check=False)
    files = dict(line.split("\t", 1) for line in found.splitlines() if "\t" in line)
    return {path: what for path, what in files.items() if not re.match(ALIVE, path)}


def unchanged(root: Root, command: str, code: int, *texts: str, **given) -> str:
    """The same as `expect`, and no file of the machine is another one afterwards."""
    before = listing(root)
    out = expect(root, command, code, *texts, **given)
    after = listing(root)
    differing = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    # The time of a directory in which a temporary file came and went.
    differing = [path for path in differing if path not in ("/tmp", "/run")]
    holds(len(before) > 5000 and not differing, f"`{command}` changed {', '.join(differing[:10])}")
    return out


class Release:
    """The archive of a release with checksums, signed by a key of these tests."""

    def __init__(self, dist: Path, directory: Path):
        found = sorted(dist.glob("kaching-*-x86_64-linux.tar.gz"))
        holds(len(found) == 1, f"{dist} has {len(found)} archives for x86_64: make it with deploy/release")
        self.archive, self.directory = found[0], directory
        self.name = self.archive.name.removesuffix(".tar.gz")
        self.folder = f"{FOLDER}/{self.name}"
        self.install = f"'{self.folder}/install.sh'"
        digest = hashlib.sha256(self.archive.read_bytes()).hexdigest()
        (directory / "SHA256SUMS").write_text(f"{digest}  {self.archive.name}\n")
        for name in ("ours", "other"):
            self._minisign("-G", "-W", "-p", f"{name}.pub", "-s", f"{name}.key")
        self._minisign("-S", "-s", "ours.key", "-m", "SHA256SUMS")

    def public_key(self, name: str = "ours") -> str:
        return (self.directory / f"{name}.pub").read_text().splitlines()[1]

    def download(self, root: Root):
        """Puts it into the folder of downloads of a root, unpacked."""
        for path in (self.archive, self.directory / "SHA256SUMS", self.directory / "SHA256SUMS.minisig"):
            root.copy(path, f"{FOLDER}/{path.name}")
        root.run(f"cd '{FOLDER}' && tar -xzf '{self.archive.name}' --no-same-owner")

    def _minisign(self, *arguments: str):
        subprocess.run(["minisign", *arguments], cwd=self.directory, check=True, capture_output=True)
