"""The images, and deploy/compose.yaml.

files       lints what describes them, and builds one image around the release binary, without compiling
everything  builds both images as a user does, and runs them and compose.yaml with Podman

No registry of images is reached. Two stand-ins take the names of what would be pulled: Debian with this machine's Rust for the
image that compiles, and Debian's own packages of PostgreSQL, Prometheus and Alertmanager for compose.yaml. Its other services,
Grafana and the mail catcher, are not run.
"""

import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

import rules  # noqa: E402
from engine import TARGET, Engine, Failed, isolated  # noqa: E402


def files():
    rules.dockerfiles()
    rules.compose()
    if os.geteuid() != 0:
        print("   NOT CHECKED: an image around the release binary. It is built as root alone.")
        return
    binary = TARGET.parent / f"{os.uname().machine}-unknown-linux-musl/release/kaching"
    rules.expect(binary.exists(), f"there is no {binary}: build it with ./check release")
    with Engine("store") as engine:
        ready = TARGET / "ready"
        shutil.rmtree(ready, ignore_errors=True)
        (ready / "data").mkdir(parents=True)
        shutil.copy(binary, ready)
        layers = set()
        for _ in range(2):
            seconds = engine.build("Dockerfile", "kaching:ready", "--timestamp", "0", "--build-context", f"build={ready}")
            layers.add(engine.layers("kaching:ready"))
        rules.expect(len(layers) == 1, f"two builds around one binary differ: {layers}")
        print(f"   an image around the release binary, in {seconds:.1f} s: {rules.image(engine, 'kaching:ready', '/kaching')}")
        print(f"   a second build of it has the same layer: {layers.pop()}")


def everything():
    import build
    import services

    rules.compose()
    services.schema()
    with Engine("store") as engine:
        build.both(engine)
        build.stand_ins(engine)
    # What runs has namespaces of its own; what is built needs the network.
    sys.exit(isolated(__file__, "run"))


def running():
    import containers
    import services

    with Engine("store") as engine:
        containers.authority_and_product(engine)
        services.all_services(engine)


if __name__ == "__main__":
    try:
        {"files": files, "everything": everything, "run": running}[sys.argv[1]]()
    except Failed as failed:
        sys.exit(f"images: {failed}")
