"""The units: their hardening by systemd's own figures, and the server under a real systemd.

    check.py files         looks at the units alone
    check.py everything    runs the server in fresh Debian systems; needs root, and the release in DIST or KACHING_BINARY

RESTARTS (200) is how often the server is restarted under load.
"""

import os
import re
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

import running

UNITS = Path(__file__).parents[3] / "deploy" / "systemd"
# What it is with systemd 252: each protection that is lost counts at least a tenth.
EXPOSURE = 1.1


def fail(why: str):
    raise SystemExit(why)


def check_files():
    verify()
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={int(EXPOSURE * 10)}", UNITS / "kaching.service"],
        capture_output=True, text=True,
    )
    found = re.search(r"exposure level for kaching.service: ([0-9.]+)", done.stdout)
    if done.returncode != 0 or not found:
        fail(f"systemd-analyze security: more than {EXPOSURE}\n{done.stdout}{done.stderr}")
    print(f"kaching.service: exposure {found[1]} of 10, at most {EXPOSURE}")


def verify():
    """Has systemd read the units in a directory where the program and the manual page exist."""
    with tempfile.TemporaryDirectory() as directory:
        units = Path(directory, "usr/lib/systemd/system")
        units.mkdir(parents=True)
        program = Path(directory, "usr/bin/kaching")
        program.parent.mkdir(parents=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
        names = sorted(path.name for path in UNITS.iterdir() if path.suffix in (".service", ".socket"))
        for name in names:
            (units / name).write_bytes((UNITS / name).read_bytes())
        for name in ("sysinit", "sockets", "basic", "shutdown", "multi-user", "network-online"):
            (units / f"{name}.target").write_text("[Unit]\n")
        (units / "-.slice").write_text("[Unit]\n")
        done = subprocess.run(
            ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", f"--root={directory}", *names],
            capture_output=True, text=True,
        )
    said = done.stdout + done.stderr
    if done.returncode != 0 or said.strip():
        fail(f"systemd-analyze verify:\n{said}")
    print(f"systemd-analyze verify: {', '.join(names)} without findings")


def binary(directory: Path) -> Path:
    """Returns the program under test: of KACHING_BINARY, or of the release in DIST."""
    if named := os.environ.get("KACHING_BINARY"):
        return Path(named)
    archives = sorted(Path(os.environ["DIST"]).glob("kaching-*-x86_64-linux.tar.gz"))
    if len(archives) != 1:
        fail(f"{os.environ['DIST']} has {len(archives)} archives for x86_64, not one: run deploy/release first")
    with tarfile.open(archives[0]) as archive:
        member = next(member for member in archive if member.name.endswith("/kaching") and member.isfile())
        program = directory / "kaching"
        program.write_bytes(archive.extractfile(member).read())
    return program


def check_everything():
    with tempfile.TemporaryDirectory() as directory:
        running.check(binary(Path(directory)), UNITS, int(os.environ.get("RESTARTS", "200")))


if __name__ == "__main__":
    {"files": check_files, "everything": check_everything}[sys.argv[1]]()
