"""A second build from the same sources, in another directory and without anything of the first: the files are the same.
It is signed, and older packages are made from it for the upgrades."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from binary import output
from said import check, say

OLDER = "0.0.9"


def everything(dist: Path, version: str, older: Path):
    """Builds again, and leaves packages of an older version in `older`."""
    with tempfile.TemporaryDirectory(prefix="kaching-another-directory-") as name:
        directory = Path(name)
        sources, again = directory / "sources", directory / "dist"
        copy(sources)
        commit = commit_of(dist, version)
        key = directory / "release.key"
        output("minisign", "-G", "-W", "-p", str(directory / "release.pub"), "-s", str(key))
        began = time.monotonic()
        target = sources / "target"
        (target / "tools").parent.mkdir()
        # The programs that pack are the same ones; what they pack is built again.
        (target / "tools").symlink_to(Path(os.environ.get("CARGO_TARGET_DIR", "target")).resolve() / "tools")
        output(str(sources / "deploy/release"), str(again), "--key", str(key), env=surroundings(commit))
        minutes = (time.monotonic() - began) / 60
        for path in sorted(dist.iterdir()):
            if path.name != "SHA256SUMS.minisig":
                check(path.read_bytes() == (again / path.name).read_bytes(), f"a second build gave another {path.name}")
        say(f"a second build in another directory gave the same {len(list(again.iterdir())) - 1} files ({minutes:.1f} min)")
        signature(again, directory)
        linked(target, again / f"kaching-{version}.cdx.json")
        make_older(sources, older, commit)


def copy(sources: Path):
    """Copies what git would take: no target directory, no cache."""
    sources.mkdir()
    names = output("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    for name in filter(None, names):
        if Path(name).is_file():
            (sources / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(name, sources / name, follow_symlinks=False)


def commit_of(dist: Path, version: str) -> dict[str, str]:
    properties = json.loads((dist / f"kaching-{version}.cdx.json").read_text())["metadata"]["properties"]
    commit = next(entry["value"] for entry in properties if entry["name"] == "kaching:commit")
    show = ["git", "show", "--no-patch"]
    return {
        "KACHING_COMMIT": commit,
        "KACHING_COMMIT_DATE": output(*show, "--format=%cs", commit).strip(),
        "SOURCE_DATE_EPOCH": output(*show, "--format=%ct", commit).strip(),
    }


def surroundings(commit: dict[str, str]) -> dict[str, str]:
    # Another locale, time zone and umask than most have.
    kept = {name: value for name, value in os.environ.items() if name not in ("CARGO_TARGET_DIR", "DIST")}
    return kept | commit | {"LC_ALL": "C.UTF-8", "TZ": "Pacific/Auckland"}


def signature(again: Path, directory: Path):
    verify = ["minisign", "-V", "-q", "-p", str(directory / "release.pub"), "-x", str(again / "SHA256SUMS.minisig"), "-m"]
    output(*verify, str(again / "SHA256SUMS"))
    changed = directory / "SHA256SUMS"
    content = bytearray((again / "SHA256SUMS").read_bytes())
    content[0] ^= 1
    changed.write_bytes(content)
    refused = subprocess.run([*verify, str(changed)], capture_output=True)
    check(refused.returncode != 0, "minisign accepts changed checksums")
    others = directory / "others"
    others.mkdir()
    open_key = others / "key"
    shutil.copy(directory / "release.key", open_key)
    open_key.chmod(0o644)
    said = subprocess.run(["deploy/release", others, "--key", open_key], capture_output=True, text=True)
    check(said.returncode == 1 and "chmod 600" in said.stderr, f"a key that others may read is taken: {said.stderr}")
    said = subprocess.run(["deploy/release", others, "--key", "LICENSE"], capture_output=True, text=True)
    check(said.returncode == 1 and "not a secret key of minisign" in said.stderr, f"any file is a key: {said.stderr}")
    say("SHA256SUMS is signed; minisign refuses it with one bit changed; an open key, or another file as key, is refused")


def linked(target: Path, path: Path):
    """Compares the list of parts with what the compiler was given for the binary: both name the same crates."""
    compiled = set()
    for file in target.glob("*-unknown-linux-musl/release/deps/*.d"):
        text = file.read_text()
        compiled |= {(name, re.sub(r"\+.*", "", version)) for name, version in
                     re.findall(r"/registry/src/[^/]+/([\w-]+?)-(\d+\.\d+\.\d+[^/\s]*)/", text)}  # fmt: skip
    named = {(part["name"], re.sub(r"\+.*", "", part["version"])) for part in json.loads(path.read_text())["components"]
             if "hashes" in part}  # fmt: skip
    check(compiled == named, f"{path.name} lacks {sorted(compiled - named)} and has too much {sorted(named - compiled)}")
    say(f"the {len(named)} crates of {path.name} that are not ours are those that were compiled for the binary")


def make_older(sources: Path, older: Path, commit: dict[str, str]):
    """Packs the same binary with an older version number and other default settings: what an upgrade replaces."""
    tools, triple = sources / "target/tools/bin", "x86_64-unknown-linux-musl"
    settings = sources / "target" / triple / "release/package/etc/kaching/config.toml"
    settings.write_text("# The defaults of an older version.\n")
    options = {"cwd": sources, "env": surroundings(commit)}
    # The files lie as the RPM, which was packed last, has them.
    zsh = settings.parents[2] / "usr/share/zsh"
    (zsh / "site-functions").rename(zsh / "vendor-completions")
    output(str(tools / "cargo-deb"), "deb", "--locked", "--package=kaching", f"--target={triple}", "--no-build", "--no-strip",
           "--quiet", f"--deb-version={OLDER}-1", f"--output={older}", **options)  # fmt: skip
    (zsh / "vendor-completions").rename(zsh / "site-functions")
    output(str(tools / "cargo-generate-rpm"), "generate-rpm", "--package=crates/kaching", f"--target={triple}",
           "--auto-req=disabled", f"--set-metadata=version = '{OLDER}'", f"--output={older}", **options)  # fmt: skip
