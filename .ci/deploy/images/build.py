"""Builds both images from the sources, with a stand-in for the image that compiles."""

import os
import re
from pathlib import Path

import roots
import rules
from engine import ROOT, Engine, run


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
    # Changes to them end with the build.
    return ["--volume", f"{rustup}:{home}/rustup:O", "--volume", f"{proxies}:{home}/cargo/bin:O"]


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
