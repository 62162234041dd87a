"""What a Dockerfile, an image and compose.yaml must have, as far as it can be seen without running them."""

import json
import re
import sys
from pathlib import Path

import yaml

from engine import ROOT, Engine, Failed, run

LIMIT = 40 * 1024 * 1024
SECRET = re.compile(r"pass|secret|token|key|master|credential", re.IGNORECASE)


def expect(holds: bool, otherwise: str):
    if not holds:
        raise Failed(otherwise)


def workspace(name: str) -> str:
    """Returns a value of [workspace.package]."""
    return re.search(rf'^{name} = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.MULTILINE)[1]


def dockerfiles():
    names = ["Dockerfile", "Dockerfile.product"]
    run(Path(sys.executable).with_name("hadolint"), *(ROOT / name for name in names))
    for name in names:
        text = (ROOT / name).read_text()
        bases = re.findall(r"^FROM (\S+)", text, re.MULTILINE)
        rust = f"docker.io/library/rust:{workspace('rust-version')}.0-slim-bookworm"
        expect(bases == [rust, "scratch"], f"{name} builds from {bases}, not from {rust} into an empty image")
        expect(f"ARG VERSION={workspace('version')}\n" in text, f"{name} does not have the version of Cargo.toml")
    arguments = dict(re.findall(r"^ARG (PACKAGE|BINARY)=(\S+)", (ROOT / "Dockerfile.product").read_text(), re.MULTILINE))
    metadata = run("cargo", "metadata", "--no-deps", "--offline", "--locked", "--format-version", 1, cwd=ROOT)
    packages = {package["name"]: package["targets"] for package in json.loads(metadata)["packages"]}
    binaries = [target["name"] for target in packages[arguments["PACKAGE"]] if target["kind"] == ["bin"]]
    expect(arguments["BINARY"] in binaries, f"Dockerfile.product takes {arguments['BINARY']} of {binaries}")
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] not in "#!"]
    expect(ignored[0] == "*", ".dockerignore sends files to the builder that no build needs")
    print(f"   hadolint finds nothing in {' and '.join(names)}")


def image(engine: Engine, tag: str, binary: str) -> str:
    """Checks what an image has in it and how it starts, and returns that in a line."""
    config, files = engine.config(tag), engine.files(tag)
    regular = [path for path, found in files.items() if found.st_size and not found.st_mode & 0o040000]
    expect(regular == [binary], f"{tag} has {regular}, where only {binary} belongs")
    size = sum(files[path].st_size for path in regular)
    expect(size < LIMIT, f"{tag} has {size / 2**20:.1f} MiB, more than {LIMIT / 2**20:.0f}")
    expect(config["User"] == "65532:65532", f"{tag} runs as {config['User']!r}")
    owner = files["/data"]
    expect((owner.st_uid, owner.st_gid) == (65532, 65532), f"{tag}: /data belongs to {owner.st_uid}:{owner.st_gid}")
    expect(config["Volumes"] == {"/data": {}}, f"{tag} has the volumes {config['Volumes']}")
    expect(config.get("Healthcheck", {}).get("Test") == ["CMD", binary, "health"], f"{tag} has no health check")
    expect(config["StopSignal"] == "SIGTERM", f"{tag} is stopped by {config['StopSignal']}")
    suspects = [entry for entry in config["Env"] if SECRET.search(entry.split("=")[0])]
    expect(not suspects, f"{tag} has what looks like a secret in its environment: {suspects}")
    labels = {name.rsplit(".", 1)[1]: value for name, value in config["Labels"].items() if "opencontainers" in name}
    expect(labels["version"] == workspace("version") and labels["licenses"] == workspace("license"), f"{tag}: {labels}")
    return f"{size / 2**20:.1f} MiB in {len(regular)} file, user {config['User']}, {labels}"


def model() -> dict:
    """Returns deploy/compose.yaml."""
    return yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())


def compose():
    """Checks deploy/compose.yaml."""
    path, found = ROOT / "deploy/compose.yaml", model()
    script = (path.parent / "compose/make-secrets").read_text()
    for name, service in found["services"].items():
        tag = service["image"].rpartition(":")[2]
        expect(re.match(r"v?\d+\.\d+", tag) is not None, f"{name}: the image {service['image']} is not pinned")
        expect(service.get("read_only") is True, f"{name} can write to its root file system")
        expect(service.get("cap_drop") == ["ALL"] and "cap_add" not in service, f"{name} has capabilities")
        expect("no-new-privileges:true" in service["security_opt"], f"{name} can get new privileges")
        expect("healthcheck" in service or "build" in service, f"{name} has no health check")
        for port in service.get("ports", []):
            expect(port.startswith("127.0.0.1:"), f"{name} publishes {port} to other machines")
        for variable in service.get("environment", {}):
            hidden = variable.endswith("_FILE") or not SECRET.search(variable)
            expect(hidden, f"{name}: {variable} is a secret in the environment; use a file")
        for secret in service.get("secrets", []):
            source = found["secrets"][secret]["file"]
            expect(source == f"./compose/secrets/{secret}", f"the secret {secret} is in {source}")
            expect(f" secret {secret} " in script.replace("\n", " ").replace("    ", ""), f"make-secrets makes no {secret}")
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            exists = (path.parent / source).exists() if source.startswith(".") else source in found["volumes"]
            expect(exists, f"{name}: there is no {source}")
    own = found["services"]["kaching"]["image"]
    expect(own == f"kaching:{workspace('version')}", f"compose.yaml runs {own}, not the version of Cargo.toml")
    networks = {name: service["networks"] for name, service in found["services"].items()}
    expect(networks["postgres"] == ["database"] and "ports" not in found["services"]["postgres"], "the database is open")
    expect(found["networks"]["database"] == {"internal": True}, "the network of the database leads outside")
    members = [name for name in networks if "database" in networks[name]]
    expect(members == ["kaching", "postgres"], f"the database is reached from {members}")
    run("shellcheck", path.parent / "compose/make-secrets")
    print(f"   compose.yaml: {', '.join(networks)}: pinned, read-only, without capabilities, open on this machine alone")
