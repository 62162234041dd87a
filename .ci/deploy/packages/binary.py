"""The binaries, their list of parts (SBOM) and the checksums."""

import json
import os
import subprocess
import tarfile
import tempfile
import tomllib
from pathlib import Path

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from said import check, say

MIB = 1 << 20


def everything(dist: Path, version: str):
    names = [
        f"kaching-{version}-x86_64-linux.tar.gz", f"kaching-{version}-aarch64-linux.tar.gz",
        f"kaching_{version}-1_amd64.deb", f"kaching_{version}-1_arm64.deb",
        f"kaching-{version}-1.x86_64.rpm", f"kaching-{version}-1.aarch64.rpm",
        f"kaching-{version}.cdx.json",
    ]  # fmt: skip
    present = sorted(path.name for path in dist.iterdir() if not path.name.startswith("SHA256SUMS"))
    check(present == sorted(names), f"{dist} has {present}, not {sorted(names)}")
    output("sha256sum", "--check", "--strict", "--quiet", "SHA256SUMS", cwd=dist)
    listed = [line.split()[1] for line in (dist / "SHA256SUMS").read_text().splitlines()]
    check(sorted(listed) == present, f"SHA256SUMS lists {listed}")
    sizes = ", ".join(f"{name} {(dist / name).stat().st_size / MIB:.1f} MiB" for name in names)
    say(f"all files are there, as SHA256SUMS says: {sizes}")
    for architecture in ("x86_64", "aarch64"):
        static(dist, version, architecture)
    parts(dist / f"kaching-{version}.cdx.json")


def static(dist: Path, version: str, architecture: str):
    name = f"kaching-{version}-{architecture}-linux"
    with tempfile.TemporaryDirectory() as directory:
        with tarfile.open(dist / f"{name}.tar.gz") as archive:
            odd = [entry.name for entry in archive if entry.name.split("/")[0] != name or entry.uid or entry.issym()]
            check(not odd, f"{name}.tar.gz has {odd}")
            archive.extractall(directory, filter="data")
        top = Path(directory) / name
        expected = {
            "LICENSE", "alertmanager", "completions", "config.toml", "grafana", "install-product.sh", "install.sh",
            "kaching", "man", "prometheus", "systemd",
        }  # fmt: skip
        found = {path.name for path in top.iterdir()}
        check(found == expected, f"{name}.tar.gz has {sorted(found)}")
        headers = output("readelf", "--file-header", "--program-headers", "--dynamic", str(top / "kaching"))
        # Rust links static files for aarch64 to fixed addresses.
        kind = {"x86_64": "DYN (Position-Independent Executable file)", "aarch64": "EXEC (Executable file)"}[architecture]
        check(kind in headers, f"{architecture}: the binary is not {kind}:\n{headers}")
        check("INTERP" not in headers and "(NEEDED)" not in headers, f"{architecture}: it is not static:\n{headers}")
        paths = [path.encode() for path in (os.getcwd(), os.path.expanduser("~/.cargo"), os.path.expanduser("~/.rustup"))]
        content = (top / "kaching").read_bytes()
        leaked = [path for path in paths if path in content]
        check(not leaked, f"{architecture}: the binary names directories of the machine that built it: {leaked}")
        size = (top / "kaching").stat().st_size / MIB
        shown = f"{architecture}: {size:.1f} MiB, static, {kind}, names no directory of its builder"
        if architecture == os.uname().machine:
            shown += "; " + output(str(top / "kaching"), "--version").strip()
            # jemalloc reads its settings when it starts, and prints at the end.
            printed = subprocess.run(
                [top / "kaching", "--version"], env={"_RJEM_MALLOC_CONF": "stats_print:true"}, capture_output=True, text=True
            )
            check("jemalloc statistics" in printed.stderr, f"the allocator is not jemalloc: {printed.stderr}")
            shown += "; its allocator is jemalloc"
        say(shown)


def parts(path: Path):
    text = path.read_text()
    error = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)
    check(error is None, f"{path.name} is not CycloneDX: {error}")
    components = json.loads(text)["components"]
    locked = {(entry["name"], entry["version"]) for entry in tomllib.loads(Path("Cargo.lock").read_text())["package"]}
    crates = {(part["name"], part["version"]) for part in components if part["bom-ref"].startswith("pkg:cargo/")}
    check(crates <= locked, f"{path.name} names crates that Cargo.lock does not: {sorted(crates - locked)}")
    libraries = {part["name"] for outer in components for part in outer.get("components", [])}
    check(libraries == {"sqlite", "aws-lc", "jemalloc"}, f"{path.name} names the C libraries {libraries}")
    unlicensed = [part["name"] for part in components if part["bom-ref"].startswith("pkg:cargo/") and "licenses" not in part]
    check(not unlicensed, f"{path.name} has no license of {unlicensed}")
    say(f"{path.name} is valid CycloneDX 1.6: {len(crates)} crates with their licenses, and {', '.join(sorted(libraries))}")


def output(*command: str, **options) -> str:
    done = subprocess.run(command, capture_output=True, text=True, **options)
    check(done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout
