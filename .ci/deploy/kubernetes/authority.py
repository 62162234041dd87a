"""The pods of the chart, run in a stand-in for a node with the real server, SQLite and PostgreSQL."""

import json
import os
import shlex
import stat
import tempfile
import threading
import time
from pathlib import Path

import page
import programs
from database import HOST, Database, certificate
from kubelet import NODE, Node, Pod, Refused, until


def check(rendered: dict[str, list[dict]], notes: dict[str, str]):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        binary = programs.kaching(Path(folder))
        with Node({"kaching": binary}) as node:
            secrets(node, Path(folder))
            settings(node, rendered)
            sqlite(node, rendered["sqlite"], notes["sqlite"])
            with Database(Path(folder) / "postgresql", 5433) as database:
                node.resolve(HOST, NODE)
                several(node, rendered["everything"], notes["everything"], database)


def workload(objects: list[dict]) -> dict:
    return next(one for one in objects if one["kind"] in ("Deployment", "StatefulSet"))


def secrets(node: Node, folder: Path):
    """Makes every Secret that a case names."""
    certificate(folder, "licenses", "licenses.example.com")
    made = page.run("### Install", folder)
    key, phrase = (made / "kaching-secrets/master-key").read_bytes(), (made / "kaching-secrets/root-passphrase").read_bytes()
    url = f"postgres://kaching:in-a-file-only@{HOST}/kaching".encode()
    node.objects |= {
        ("secret", "kaching"): {"master-key": key, "root-passphrase": phrase, "database-url": url},
        ("secretProviderClass", "kaching"): {"master-key": key, "root-passphrase": phrase, "database-url": url},
        ("secret", "kaching-keys"): {"master": key, "passphrase": phrase},
        ("secret", "licenses-tls"): {"tls.crt": (folder / "licenses.crt").read_bytes() + (folder / "ca.crt").read_bytes(),
                                     "tls.key": (folder / "licenses.key").read_bytes()},
    }


def settings(node: Node, rendered: dict[str, list[dict]]):
    """Gives the rendered settings of each case to the real program, in the rendered pod."""
    node.objects |= {("secret", "licenses-app"): {"uri": b"postgres://kaching@db.example.com/kaching"}, ("secret", "licenses-ca"): {"ca.crt": b"-"}}
    for case, objects in rendered.items():
        node.apply(objects)
        pod = node.pod(workload(objects), f"{case}-0")
        pod.run("/kaching", "config", "check")
        shown = json.loads(pod.run("/kaching", "config", "show", "--json"))
        server = shown["server"]
        if [server["listen"], server["admin_listen"]] != [f"0.0.0.0:{p['containerPort']}" for p in pod.container["ports"]]:
            raise SystemExit(f"{case}: the ports of the pod are not those of the server: {server}")
        if shown["server"]["public_url"] != "https://licenses.example.com":
            raise SystemExit(f"{case}: {server}")
        pod.remove()
    print(f"the program accepts the rendered settings of {', '.join(rendered)}, and listens on the ports of the pods")


def sqlite(node: Node, objects: list[dict], notes: str):
    """One pod with a volume: its data outlives it."""
    node.apply(objects)
    of = workload(objects)
    pod = node.pod(of, "kaching-0")
    pod.start()
    pod.wait("startup")
    pod.wait()
    user = os.stat(f"/proc/{pod.init()}").st_uid
    rights = dict(line.split(":\t", 1) for line in Path(f"/proc/{pod.init()}/status").read_text().splitlines())
    if user != 65532 or int(rights["CapEff"], 16) or rights["NoNewPrivs"] != "1":
        raise SystemExit(f"the server runs as {user} with {rights['CapEff']}")
    for line in commands(notes):
        pod.exec(*line)
    pod.exec("/kaching", "seed")
    license_ = json.loads(pod.exec("/kaching", "license", "create", "--customer", "CUST-001", "--product", "chorus", "--plan", "team", "--json"))
    pod.kill()
    pod.start()
    pod.wait()
    if license_["id"] not in pod.exec("/kaching", "license", "list", "--json"):
        raise SystemExit("a license is gone after the pod was killed")
    pod.terminate()
    took = pod.ended()
    pod.start()
    pod.wait()
    key = node.claim("data-kaching-0") / "kaching/kaching.db"
    if stat.S_IMODE(key.stat().st_mode) != 0o600:
        raise SystemExit(f"the database has mode {key.stat().st_mode:o}")
    pod.kill()
    pod.spec["securityContext"]["fsGroupChangePolicy"] = "Always"
    pod.start()
    try:
        pod.wait()
    except Refused as refusal:
        if "can be read by others" not in str(refusal) and "Others can read" not in str(refusal):
            raise SystemExit(f"refused for another reason: {refusal}") from None
    else:
        raise SystemExit("with fsGroupChangePolicy Always, the server starts: OnRootMismatch is not needed any more")
    pod.remove()
    print(f"SQLite: user 65532 without rights, read-only root; {len(commands(notes))} commands of NOTES.txt work; a license outlives "
          f"kill -9; SIGTERM ends it in {took * 1000:.0f} ms; with fsGroupChangePolicy Always it is refused, as the chart says")


def several(node: Node, objects: list[dict], notes: str, database: Database):
    """Three pods on an empty database, with TLS on both sides."""
    node.objects |= {
        ("secret", "licenses-app"): {"uri": database.url().encode()},
        ("secret", "licenses-ca"): {"ca.crt": (database.folder / "ca.crt").read_bytes()},
    }
    node.apply(objects)
    of = workload(objects)
    pods = [node.pod(of, f"kaching-{letter}") for letter in "abc"]
    for pod in pods:
        pod.start()
    for pod in pods:
        pod.wait("startup")
        pod.wait()
    a, b, c = pods
    for line in commands(notes):
        b.exec(*line)
    roots = {pod.exec("/kaching", "key", "root") for pod in pods}
    if len(roots) != 1:
        raise SystemExit(f"the pods have {len(roots)} roots")
    a.exec("/kaching", "seed")
    if "CUST-001" not in c.exec("/kaching", "customer", "list", "--json"):
        raise SystemExit("a pod does not see what another one wrote")
    monitor = next(one for one in objects if one["kind"] == "ServiceMonitor")["spec"]["endpoints"][0]
    status, text = a.get(monitor["path"], monitor["port"], scheme=monitor["scheme"].upper())
    if status != 200 or "kaching_ready" not in text:
        raise SystemExit(f"the ServiceMonitor would read {status}: {text[:200]}")
    if (outside := a.get("/metrics", "products", scheme="HTTPS")[0]) != 404:
        raise SystemExit(f"/metrics on the product port answers {outside}")
    if (plain := a.get("/health", "products")[0]) == 200:
        raise SystemExit("a port with TLS answers without")
    print(f"PostgreSQL: three pods start together on an empty database (TLS verify-full by the mounted authority, one root), serve HTTPS; "
          f"{len(commands(notes))} commands of NOTES.txt work; metrics are on the admin port alone")
    backups = node.claim("kaching-backup")
    until(lambda: list(backups.glob("*.backup")), f"there is no backup: {list(backups.iterdir())}")
    mistaken(node, of)
    outage(pods, database)
    rolling(node, of, pods)
    for pod in list(node.pods.values()):
        pod.remove()


def mistaken(node: Node, of: dict):
    """A pod with another master key does not start."""
    right = node.objects["secret", "kaching-keys"]
    node.objects["secret", "kaching-keys"] = {**right, "master": b"A" * 43}
    pod = node.pod(of, "kaching-mistaken")
    pod.start()
    try:
        pod.wait()
    except Refused as refusal:
        if "master key" not in str(refusal):
            raise SystemExit(f"refused for another reason: {refusal}") from None
    else:
        raise SystemExit("a server with another master key serves")
    node.objects["secret", "kaching-keys"] = right
    pod.remove()
    print("a backup is in its claim; a pod with another master key says so and does not start")


def outage(pods: list[Pod], database: Database):
    """Without the database, the pods are not ready, and live."""
    database.stop()
    for pod in pods:
        until(lambda pod=pod: not pod.probe("readiness"), "a pod without a database stays ready", 15)
    began = time.monotonic()
    probes = 0
    while time.monotonic() - began < 8:
        for pod in pods:
            probes += 1
            if not pod.probe("liveness"):
                raise SystemExit("a pod without a database would be killed")
    database.start()
    for pod in pods:
        pod.wait()
    print(f"without its database no pod is ready and all live ({probes} probes in 8 s); they recover without a restart")


def rolling(node: Node, of: dict, pods: list[Pod]):
    """Replaces each pod as the Deployment does, under calls to the pods that a Service would lead to."""
    ready, failed, answered, done = {pod.name: pod for pod in pods}, [], [0], threading.Event()

    def call():
        while not done.is_set():
            for pod in list(ready.values()):
                status, text = pod.get("/v1/validate", "products", scheme="HTTPS", body={})
                answered[0] += 1
                # 422: the server understood that the call is empty.
                if status != 422:
                    failed.append(f"{pod.name}: {status} {text}")

    caller = threading.Thread(target=call)
    caller.start()
    took = []
    for number, old in enumerate(pods):
        new = node.pod(of, f"kaching-new-{number}")
        new.start()
        new.wait()
        ready[new.name] = new
        old.terminate()
        # Balancers learn that a pod leaves some time after it does.
        until(lambda: not old.probe("readiness"), "a pod that leaves stays ready", 5)
        served = old.get("/v1/validate", "products", scheme="HTTPS", body={})[0]
        if served != 422:
            raise SystemExit(f"a pod that leaves answers {served}")
        del ready[old.name]
        took.append(old.ended())
        old.remove()
    done.set()
    caller.join()
    if failed:
        raise SystemExit(f"{len(failed)} of {answered[0]} calls failed: {failed[0]}")
    print(f"three pods are replaced one after the other: {answered[0]} calls, none failed; each stops within {max(took):.1f} s "
          f"of {pods[0].spec['terminationGracePeriodSeconds']}")


def commands(notes: str) -> list[list[str]]:
    """Returns the commands that NOTES.txt has for a pod."""
    return [shlex.split(line.split(" -- ", 1)[1]) for line in notes.splitlines() if " exec " in line]
