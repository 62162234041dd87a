"""Runs the services of deploy/compose.yaml together, from a copy, with the secrets that make-secrets makes."""

import json
import shutil
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path

import rules
from build import go_tool
from engine import ROOT, Engine, Failed, run
from rules import expect

COMPOSE_GO = "v2.16.2"
# In this order. Grafana has no package that could stand in for its image.
RUN = ["postgres", "kaching", "mail", "alertmanager", "prometheus"]


def schema():
    """Checks compose.yaml by the parser of `docker compose`."""
    parser = go_tool("github.com/compose-spec/compose-go/v2/cmd", COMPOSE_GO) / "cmd"
    run(parser, "-no-interpolation", ROOT / "deploy/compose.yaml")
    print(f"   compose.yaml is valid for compose-go {COMPOSE_GO}, which docker compose reads it with")


class Compose:
    """podman-compose on a copy of deploy/."""

    def __init__(self, engine: Engine, folder: Path):
        self.engine, self.folder = engine, folder / "deploy"
        # Without the secrets of a real one.
        shutil.copytree(ROOT / "deploy", self.folder, ignore=shutil.ignore_patterns("secrets"))
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
            mail()
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


def ask(url: str, body: object = None) -> object:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.loads(answer.read() or "null")


def until(find, seconds: float, otherwise):
    """Returns what `find` finds, as soon as it finds something."""
    deadline = time.monotonic() + seconds
    while not (found := find()):
        if time.monotonic() > deadline:
            raise Failed(otherwise())
        time.sleep(0.5)
    return found


def mail():
    """Checks that a ticket goes through Alertmanager to the mail catcher."""
    labels = {"alertname": "Trial", "severity": "ticket", "job": "kaching", "instance": "kaching:7701"}
    alert = {"labels": labels, "annotations": {"summary": "A trial of the way of a ticket", "description": "Nothing is wrong."}}
    began = time.monotonic()
    ask("http://127.0.0.1:9093/api/v2/alerts", [alert])
    found = until(lambda: ask("http://127.0.0.1:8025/api/v1/messages")["messages"], 90,
                  lambda: f"no mail for {ask('http://127.0.0.1:9093/api/v2/alerts')}")
    subject = found[0]["Subject"]
    expect("A trial of the way" in subject or "Trial" in subject, f"the mail is about {subject}")
    print(f"   a ticket is a mail {time.monotonic() - began:.0f} s after its alert: {subject!r} to {found[0]['To'][0]['Address']}")


def monitoring():
    """Checks that Prometheus scrapes the authority, has the alarms, and knows Alertmanager."""
    def prometheus(path: str, **query) -> dict:
        return ask(f"http://127.0.0.1:9090/api/v1/{path}?{urllib.parse.urlencode(query)}")["data"]

    up = until(lambda: prometheus("query", query='kaching_ready{job="kaching"} == 1')["result"], 60,
               lambda: f"Prometheus does not scrape the authority: {prometheus('targets')['activeTargets']}")
    rules = sum(len(group["rules"]) for group in prometheus("rules")["groups"])
    alertmanagers = [one["url"] for one in prometheus("alertmanagers")["activeAlertmanagers"]]
    expect(rules > 0 and len(alertmanagers) == 1, f"{rules} rules, Alertmanagers: {alertmanagers}")
    print(f"   Prometheus scrapes {up[0]['metric']['instance']}, has {rules} rules and sends to {alertmanagers[0]}")
