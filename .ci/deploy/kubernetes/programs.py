"""The programs that the pods run: static ones, as in the images."""

import os
import subprocess
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[3]
TARGET = "x86_64-unknown-linux-musl"


def kaching(folder: Path) -> Path:
    """Returns the authority of the release in $DIST, or of $KACHING_BINARY."""
    if named := os.environ.get("KACHING_BINARY"):
        return Path(named)
    archive, = Path(os.environ["DIST"]).glob("kaching-*-x86_64-linux.tar.gz")
    with tarfile.open(archive) as release:
        inside = next(one for one in release.getmembers() if one.isfile() and one.name.count("/") == 1 and one.name.endswith("/kaching"))
        inside.name = "kaching"
        release.extract(inside, folder)
    return folder / "kaching"


def cluster() -> Path:
    """Returns the example product, built now, or that of $CLUSTER_BINARY."""
    if named := os.environ.get("CLUSTER_BINARY"):
        return Path(named)
    subprocess.run(["cargo", "build", "--locked", "--release", "--target", TARGET, "--package", "kaching-example-cluster"],
                   cwd=ROOT, check=True, env={**os.environ, "CC_x86_64_unknown_linux_musl": "musl-gcc"})
    return Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / TARGET / "release/kaching-example-cluster"
