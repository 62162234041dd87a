#!/usr/bin/env python3
"""Prints what is in the binary as CycloneDX 1.6: every crate that is linked into it, and the C libraries inside those.

    deploy/package/sbom.py VERSION COMMIT ARCHITECTURE…

Crates that only build others (build scripts, macros) are not in the binary, and not in the list. The time is
SOURCE_DATE_EPOCH and the serial number is derived from the rest, so that two runs print the same.
"""

import json
import os
import re
import subprocess
import sys
import tomllib
import uuid
from datetime import UTC, datetime
from pathlib import Path

# Libraries in C that crates bring along: the crate, the name, the file of the crate that has the version, and a pattern for it.
C_LIBRARIES = [
    ("libsqlite3-sys", "sqlite", "sqlite3/sqlite3.h", r'#define SQLITE_VERSION\s+"([\d.]+)"'),
    ("aws-lc-sys", "aws-lc", "aws-lc/include/openssl/base.h", r'#define AWSLC_VERSION_NUMBER_STRING "([\d.]+)"'),
    ("tikv-jemalloc-sys", "jemalloc", "Cargo.toml", r'^version = "[\d.]+\+([\d.]+)'),
]


def cargo(*arguments: str) -> str:
    return subprocess.run(["cargo", *arguments], check=True, stdout=subprocess.PIPE, text=True).stdout


def linked(architectures: list[str]) -> dict[tuple, set[tuple]]:
    """Returns every crate that is linked, as name and version, with those that it uses itself."""
    targets = [f"--target={architecture}-unknown-linux-musl" for architecture in architectures]
    tree = cargo("tree", "--locked", "--package=kaching", "--edges=normal,no-proc-macro", "--prefix=depth", *targets)
    uses: dict[tuple, set[tuple]] = {}
    path: list[tuple] = []
    # An empty line is between two architectures.
    for line in filter(None, tree.splitlines()):
        depth, name, version = re.match(r"(\d+)(\S+) v(\S+)", line).groups()
        crate = (name, version)
        uses.setdefault(crate, set())
        path[int(depth):] = [crate]
        if len(path) > 1:
            uses[path[-2]].add(crate)
    return uses


def component(crate: tuple, packages: dict, checksums: dict) -> dict:
    package = packages[crate]
    found = {"type": "library", "bom-ref": purl(crate), "name": crate[0], "version": crate[1], "purl": purl(crate)}
    if package["description"]:
        found["description"] = " ".join(package["description"].split())
    if package["license"]:
        # Older crates write a slash for "or".
        found["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if crate in checksums:
        found["hashes"] = [{"alg": "SHA-256", "content": checksums[crate]}]
    for owner, name, file, pattern in C_LIBRARIES:
        if owner == crate[0]:
            text = (Path(package["manifest_path"]).parent / file).read_text()
            version = re.search(pattern, text, re.MULTILINE).group(1)
            reference = f"pkg:generic/{name}@{version}"
            found["components"] = [
                {"type": "library", "bom-ref": reference, "name": name, "version": version, "purl": reference}
            ]
    return found


def purl(crate: tuple) -> str:
    return f"pkg:cargo/{crate[0]}@{crate[1].replace('+', '%2B')}"


def main(version: str, commit: str, architectures: list[str]):
    platforms = [f"--filter-platform={architecture}-unknown-linux-musl" for architecture in architectures]
    metadata = json.loads(cargo("metadata", "--locked", "--format-version=1", *platforms))
    packages = {(package["name"], package["version"]): package for package in metadata["packages"]}
    lock = tomllib.loads(Path("Cargo.lock").read_text())
    checksums = {(entry["name"], entry["version"]): entry["checksum"] for entry in lock["package"] if "checksum" in entry}
    uses = linked(architectures)
    product = ("kaching", version)
    compiler = subprocess.run(["rustc", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.split()[1]
    # The compilers bring these, and their versions with them.
    std = {"type": "library", "bom-ref": "rust-std", "name": "rust-std", "version": compiler}
    libc = {"type": "library", "bom-ref": "musl", "name": "musl", "description": "the libc that is linked in"}
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": component(product, packages, checksums) | {"type": "application"},
            "properties": [
                {"name": "kaching:commit", "value": commit},
                {"name": "kaching:architectures", "value": " ".join(sorted(architectures))},
            ],
        },
        "components": [component(crate, packages, checksums) for crate in sorted(uses) if crate != product] + [std, libc],
        "dependencies": [
            {"ref": purl(crate), "dependsOn": [purl(used) for used in sorted(uses[crate])]} for crate in sorted(uses)
        ],
    }
    content = json.dumps(document, sort_keys=True)
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, content)}"
    print(json.dumps(document, indent=1))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
