"""The aarch64 binary under emulation, in the Debian that the other checks use."""

import subprocess
import tempfile
from pathlib import Path

from binary import output
from said import check, say

QEMU = "qemu-aarch64-static"


def everything(dist: Path, version: str):
    with tempfile.TemporaryDirectory() as directory:
        name = f"kaching-{version}-aarch64-linux"
        output("tar", "-xzf", str(dist / f"{name}.tar.gz"), "-C", directory)
        kaching = [QEMU, f"{directory}/{name}/kaching"]
        printed = output(*kaching, "--version").strip()
        check(printed.startswith(f"kaching {version} ("), f"aarch64: --version prints {printed}")
        data = ["--data", f"{directory}/data"]
        output(*kaching, "seed", *data)
        create = ["license", "create", "--customer", "CUST-001", "--product", "chorus", "--plan", "team"]
        output(*kaching, *create, *data)
        listed = output(*kaching, "license", "list", *data)
        check("chorus" in listed, f"aarch64: the license is not listed: {listed}")
        say(f"aarch64 under {QEMU}: {printed}; it created and listed a license in SQLite")
    deb = dist / f"kaching_{version}-1_arm64.deb"
    check(output("dpkg-deb", "--field", str(deb), "Architecture").strip() == "arm64", "the package is for another machine")
    rpm = dist / f"kaching-{version}-1.aarch64.rpm"
    query = ["rpm", "--query", "--package", "--nosignature", "--queryformat", "%{ARCH}", str(rpm)]
    check(subprocess.run(query, capture_output=True, text=True).stdout == "aarch64", "the RPM is for another machine")
