#!/usr/bin/env python3
"""The installation scripts of deploy/. `check.py files` looks at them; `check.py everything` runs them on fresh Debian
systems with systemd. The latter needs root, the files of a release in DIST, and a static binary of the example product in
CLUSTER_BINARY; without that, it is built."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "common")]

import authority
import product
from machine import Release, Wrong, holds, show
from roots import Failed, Root

REPOSITORY = HERE.parents[2]
SCRIPTS = ["deploy/install.sh", "deploy/install-product.sh"]


def files():
    for script in SCRIPTS:
        path = REPOSITORY / script
        for command in (["shellcheck", "--shell=bash", path], ["bash", "-n", path]):
            done = subprocess.run(command, capture_output=True, text=True)
            holds(done.returncode == 0, f"{command[0]} {script}:\n{done.stdout}{done.stderr}")
        text = path.read_text()
        holds(text.endswith('\nmain "$@"\n'), f"{script} must do nothing before its last line has arrived")
        holds("eval " not in text, f"{script} uses eval")
        help = subprocess.run([path, "--help"], capture_output=True, text=True)
        holds(help.returncode == 0 and not help.stderr, f"{script} --help: {help.stderr}")
        show(f"{script}: shellcheck and bash -n without findings, {len(text.splitlines())} lines")


def everything():
    files()
    dist = Path(os.environ.get("DIST") or "target/dist").resolve()
    with tempfile.TemporaryDirectory() as directory:
        release = Release(dist, Path(directory))
        authority.refused_without_systemd(release)
        with Root(["minisign", "strace"], boot=True) as root:
            release.download(root)
            for case in (authority.refused, authority.signature, authority.install, authority.repeated,
                         authority.upgraded, authority.with_sockets, authority.removed, authority.broken):
                case(root, release)
            # Its script as it is in the archive, next to a product.
            chorus = product.Product(root, REPOSITORY / SCRIPTS[1], cluster_binary())
            product.refused(chorus)
            product.wrong_keys(chorus)
            license, key = product.at_a_terminal(chorus)
            license, key = product.repeated(chorus, license, key)
            product.removed(chorus, license, key)


def cluster_binary() -> Path:
    """Returns the example product as a static binary, built unless CLUSTER_BINARY names one."""
    if named := os.environ.get("CLUSTER_BINARY"):
        return Path(named)
    triple = "x86_64-unknown-linux-musl"
    subprocess.run(["cargo", "build", "--locked", "--release", "--quiet", "--target", triple, "--package", "kaching-example-cluster"], check=True)
    return Path(os.environ.get("CARGO_TARGET_DIR") or "target") / triple / "release/kaching-example-cluster"


if __name__ == "__main__":
    os.chdir(REPOSITORY)
    try:
        {"files": files, "everything": everything}[sys.argv[1]]()
    except (Wrong, Failed) as error:
        raise SystemExit(f"deploy scripts: {error}")
