"""Runs the services of deploy/compose.yaml together, from a copy, with the secrets that make-secrets makes."""

import json
import os
import shutil
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

import rules
from engine import ROOT, TARGET, Engine, Failed, run
from rules import expect

COMPOSE_GO = "v2.16.2"
# The others have no package that could stand in for their image.
RUN = ["postgres", "kaching", "prometheus", "alertmanager"]


def schema():
    """Checks compose.yaml by the parser of `docker compose`."""
    tools = TARGET.parent / "tools" / f"compose-go-{COMPOSE_GO}"
    if not (tools / "cmd").exists():
        expect(shutil.which("go") is not None, "there is no Go to build the parser of compose files; install Go 1.24 or newer")
        run("go", "install", f"github.com/compose-spec/compose-go/v2/cmd@{COMPOSE_GO}", env={"GOBIN": str(tools), "GOFLAGS": ""})
    run(tools / "cmd", "-no-interpolation", ROOT / "deploy/compose.yaml")
    print(f"   compose.yaml is valid for compose-go {COMPOSE_GO}, which docker compose reads it with")


def stand_ins(engine: Engine):
    """Makes what would be pulled. It needs the network."""
    from build import stand_in

    services = rules.model()["services"]
    stand_in(engine, "localhost/debian", ["postgresql", "prometheus", "prometheus-alertmanager", "wget"])
    here = Path(__file__).parent
    for name in RUN:
        if name != "kaching":
            engine.buildah("build", "--pull-never", "--isolation", "chroot", "--format", "docker", "--target", name,
                           "--file", here / "stand-ins.Dockerfile", "--tag", services[name]["image"], here)
    print(f"   stand-ins, made of Debian's packages: {', '.join(services[name]['image'] for name in RUN if name != 'kaching')}")


class Compose:
    """podman-compose on a copy of deploy/."""

    def __init__(self, engine: Engine, folder: Path):
        self.engine, self.folder = engine, folder / "deploy"
        shutil.copytree(ROOT / "deploy", self.folder)
        podman = folder / "podman"
        command = " ".join(str(part) for part in engine.podman_command())
        podman.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
        podman.chmod(0o755)
        self.command = [Path(sys.executable).with_name("podman-compose"), "--podman-path", podman, "--file", "compose.yaml"]

    def __call__(self, *arguments, check: bool = True) -> str:
        env = {"KACHING_PUBLIC_URL": "http://127.0.0.1:7700"}
        return run(*self.command, *arguments, cwd=self.folder, env=env, check=check)


def all_services(engine: Engine):
    with tempfile.TemporaryDirectory() as folder:
        compose = Compose(engine, Path(folder))
        compose.engine.podman("tag", "kaching:full", rules.model()["services"]["kaching"]["image"])
        secrets(compose)
        try:
            up(compose)
            licenses(compose)
            monitoring()
        finally:
            compose("down", "--volumes", check=False)


def secrets(compose: Compose):
    script = compose.folder / "compose/make-secrets"
    run(script)
    found = {path.name: path for path in (compose.folder / "compose/secrets").iterdir()}
    before = {name: path.read_bytes() for name, path in found.items()}
    run(script)
    expect(before == {name: path.read_bytes() for name, path in found.items()}, "make-secrets replaces what exists")
    owners = {name: (path.stat().st_uid, oct(path.stat().st_mode & 0o777)) for name, path in found.items()}
    expect(all(mode == "0o400" for _, mode in owners.values()), f"others can read a secret: {owners}")
    print(f"   make-secrets: {', '.join(f'{name} of {owner}' for name, (owner, _) in sorted(owners.items()))}; kept the second time")


def up(compose: Compose):
    """Starts each service when those before it are healthy, as `docker compose` does."""
    for name in RUN:
        compose("up", "--detach", "--no-deps", "--no-build", "--pull=never", name)
        seconds = compose.engine.healthy(f"kaching_{name}_1", 60)
        print(f"   {name} is healthy after {seconds:.1f} s", flush=True)


def licenses(compose: Compose):
    def kaching(*arguments) -> str:
        return compose.engine.podman("exec", "kaching_kaching_1", "kaching", *arguments)

    kaching("seed")
    kaching("license", "create", "--customer", "CUST-001", "--product", "chorus", "--plan", "team")
    number = len(json.loads(kaching("license", "list", "--json"))["items"])
    compose("restart", "postgres")
    compose.engine.healthy("kaching_postgres_1", 60)
    compose.engine.healthy("kaching_kaching_1", 60)
    expect(len(json.loads(kaching("license", "list", "--json"))["items"]) == number, "licenses are gone after a restart")
    password = (compose.folder / "compose/secrets/postgres-password").read_text()
    for name in RUN:
        expect(password not in compose.engine.podman("inspect", f"kaching_{name}_1"), f"{name} shows the database's password")
    checks = {check["check"]: check["status"] for check in json.loads(kaching("doctor", "--json"))}
    expect(checks["authority"] == "ok" and "fail" not in checks.values(), f"doctor: {checks}")
    print(f"   {number} licenses are in PostgreSQL through its restart; no container shows the password; doctor finds no failure")
    networks = json.loads(compose.engine.podman("network", "inspect", "kaching_database"))[0]
    expect(networks["internal"] is True, "the network of the database leads outside")


def monitoring():
    """Checks that Prometheus scrapes the authority, has the alarms, and knows Alertmanager."""
    def ask(path: str, **query) -> dict:
        url = f"http://127.0.0.1:9090/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)["data"]

    deadline = time.monotonic() + 60
    while not (up := ask("query", query='kaching_ready{job="kaching"} == 1')["result"]):
        if time.monotonic() > deadline:
            raise Failed(f"Prometheus does not scrape the authority: {ask('targets')['activeTargets']}")
        time.sleep(0.5)
    rules = sum(len(group["rules"]) for group in ask("rules")["groups"])
    alertmanagers = [one["url"] for one in ask("alertmanagers")["activeAlertmanagers"]]
    expect(rules > 0 and len(alertmanagers) == 1, f"{rules} rules, Alertmanagers: {alertmanagers}")
    print(f"   Prometheus scrapes {up[0]['metric']['instance']}, has {rules} rules and sends to {alertmanagers[0]}")
