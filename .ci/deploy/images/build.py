"""Builds both images from the sources, and the stand-ins for images that would be pulled."""

import os
import re
import ssl
from pathlib import Path

import roots
import rules
from engine import ROOT, TARGET, Engine, run


def stand_in(engine: Engine, tag: str, packages: list[str], *config: str):
    """Makes an image of Debian with these packages, under the name of one that would be pulled."""
    container = engine.buildah("from", "scratch").strip()
    engine.buildah("copy", "--quiet", container, roots.base(packages), "/")
    engine.buildah("config", *config, container)
    engine.buildah("commit", "--quiet", "--format", "docker", "--rm", container, tag)


def compiler(engine: Engine) -> list:
    """Makes the image that compiles, and returns the options with which a build sees this machine's Rust in it."""
    tag = re.search(r"^FROM (\S+)", (ROOT / "Dockerfile").read_text(), re.MULTILINE)[1]
    home, path = "/usr/local", f"/usr/local/cargo/bin:{roots.PATH}"
    stand_in(engine, tag, ["gcc", "libc6-dev"], "--env", f"RUSTUP_HOME={home}/rustup",
             "--env", f"CARGO_HOME={home}/cargo", "--env", f"PATH={path}")
    print(f"   {tag} is a stand-in: Debian, and this machine's {run('rustc', '--version').strip()}")
    rustup = run("rustup", "show", "home").strip()
    proxies = Path(os.environ.get("CARGO_HOME", Path.home() / ".cargo")) / "bin"
    # Changes to the first two end with the build. The registries are reached by whom this machine trusts.
    return ["--volume", f"{rustup}:{home}/rustup:O", "--volume", f"{proxies}:{home}/cargo/bin:O",
            "--volume", f"{ssl.get_default_verify_paths().cafile}:/etc/ssl/certs/ca-certificates.crt:ro"]


def both(engine: Engine):
    """Builds kaching:full and chorus:full."""
    rust = compiler(engine)
    commit = run("git", "-C", ROOT, "rev-parse", "HEAD").strip()
    date = run("git", "-C", ROOT, "show", "--no-patch", "--format=%cs", commit).strip()
    source = ["--build-arg", f"COMMIT={commit}", "--build-arg", f"COMMIT_DATE={date}"]
    for name, tag, binary, options in [
        ("Dockerfile", "kaching:full", "/kaching", source),
        ("Dockerfile.product", "chorus:full", "/product", []),
    ]:
        seconds = engine.build(name, tag, *rust, *options)
        print(f"   {name} built from the sources in {seconds:.0f} s: {rules.image(engine, tag, binary)}", flush=True)


def go_tool(package: str, version: str) -> Path:
    """Builds a program, unless that was done, and returns its folder."""
    folder = TARGET.parent / "tools" / f"{package.replace('/', '-')}-{version}"
    if not folder.exists():
        env = {"GOBIN": str(folder), "GOFLAGS": "", "CGO_ENABLED": "0"}
        run("go", "install", "-trimpath", f"{package}@{version}", env=env)
    return folder


def stand_ins(engine: Engine):
    """Makes the images that compose.yaml would pull, as far as there are packages of what is in them."""
    services = rules.model()["services"]
    stand_in(engine, "localhost/debian", ["postgresql", "prometheus", "prometheus-alertmanager", "wget"])
    here = Path(__file__).parent
    tools = go_tool("github.com/axllent/mailpit", services["mail"]["image"].rpartition(":")[2])
    made = {name: services[name]["image"] for name in ["postgres", "prometheus", "alertmanager", "mail"]}
    for name, tag in made.items():
        engine.buildah("build", "--pull-never", "--isolation", "chroot", "--format", "docker", "--target", name, "--tag", tag,
                       "--build-context", f"tools={tools}", "--file", here / "stand-ins.Dockerfile", here)
    print(f"   stand-ins, made of Debian's packages and of a Go module: {', '.join(made.values())}", flush=True)
