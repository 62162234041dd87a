#!/usr/bin/env python3
"""The files of a release: what they are, that two builds give the same ones, and how packages are installed, upgraded and
removed.

    check.py files         scripts, lists and the settings that are shipped
    check.py everything    DIST is a directory that deploy/release has filled; needs root
"""

import os
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import arm  # noqa: E402
import binary  # noqa: E402
import debian  # noqa: E402
import redhat  # noqa: E402
import twice  # noqa: E402
from said import check, say  # noqa: E402

ROOT = Path(__file__).parents[3]


def files():
    package = [path for path in sorted((ROOT / "deploy/package").glob("*/*")) if path.name != "copyright"]
    scripts = [ROOT / "deploy/build", ROOT / "deploy/release", *package]
    # RPM's scripts have no first line that names a shell.
    for shell, some in (("bash", scripts[:2]), ("sh", scripts[2:])):
        found = subprocess.run(["shellcheck", f"--shell={shell}", *some], capture_output=True, text=True)
        check(found.returncode == 0, f"shellcheck:\n{found.stdout}{found.stderr}")
    say(f"shellcheck finds nothing in {len(scripts)} scripts")

    text = (ROOT / "deploy/release").read_text()
    named = sorted(set(re.findall(r"(?<![\w/$}])deploy/[\w./-]+", text)))
    missing = [name for name in named if not (ROOT / name.rstrip("/.")).exists()]
    check(len(named) > 8 and not missing, f"deploy/release names what is not there: {missing}")
    for kind in ("systemd/*.service", "systemd/*.socket", "prometheus/*", "alertmanager/*", "grafana/*"):
        check(any((ROOT / "deploy").glob(kind)), f"there is no deploy/{kind}")
    say(f"all {len(named)} paths that deploy/release names are there")

    pinned = re.findall(r"^(\S+)==\S+", (ROOT / "deploy/package/tools.txt").read_text(), re.MULTILINE)
    check(pinned == ["cargo-zigbuild", "ziglang"], f"deploy/package/tools.txt pins {pinned}")
    settings()


def settings():
    """Every setting that the shipped config.toml suggests exists."""
    known = tomllib.loads((ROOT / "crates/server/src/config.default.toml").read_text())
    text = (ROOT / "deploy/package/config.toml").read_text()
    check(tomllib.loads(text) == {"server": {}}, "the shipped config.toml changes a default")
    suggested = tomllib.loads(re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE))
    names = [f"{section}.{name}" for section, values in suggested.items() for name in values]
    unknown = [name for name in names if name.split(".")[1] not in known.get(name.split(".")[0], {})]
    check(len(names) > 2 and not unknown, f"the shipped config.toml suggests unknown settings: {unknown}")
    say(f"the shipped config.toml sets nothing and suggests {', '.join(names)}")


def everything():
    check("DIST" in os.environ, "set DIST to a directory that deploy/release has filled")
    dist = Path(os.environ["DIST"]).resolve()
    files()
    version = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["version"]
    binary.everything(dist, version)
    with tempfile.TemporaryDirectory(prefix="kaching-older-") as directory:
        older = Path(directory)
        twice.everything(dist, version, older)
        debian.everything(dist, version, older)
        redhat.everything(dist, version, older)
    arm.everything(dist, version)


if __name__ == "__main__":
    os.chdir(ROOT)
    {"files": files, "everything": everything}[sys.argv[1]]()
