"""The commands of docs/kubernetes.md against a real API server with real controllers: installs the chart into a namespace
with the restricted Pod Security Standard, upgrades and rolls back under calls, and applies the product.
"""

import json
import os
import shlex
import subprocess
import tempfile
import threading
from pathlib import Path

import controlplane
import page
import programs
import yaml
from database import HOST, Database
from helm import PLAIN, ROOT
from kubelet import NODE, Node, until
from nodes import Scheduler


def check(helm: Path):
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        work = Path(folder) / "work"
        work.mkdir()
        (work / "deploy").symlink_to(ROOT / "deploy")
        control = controlplane.build()
        with (Node({"kaching": programs.kaching(Path(folder))}) as node,
              controlplane.ControlPlane(control, Path(folder) / "control", helm) as plane,
              Database(Path(folder) / "postgresql", 5432) as database):
            node.resolve(HOST, NODE)
            scheduler = Scheduler(plane, node, "kaching")
            install(scheduler, work, database)
            upgrade(scheduler, work)
            gone(scheduler, work)
            mended(scheduler, work)
            plain(scheduler, work)
            product(scheduler, work)


def install(scheduler: Scheduler, work: Path, database: Database):
    """Follows the section "Install"."""
    secrets, namespace, commands = page.blocks("### Install")
    scheduler.run(secrets, work)
    (work / "kaching-secrets/database-url").write_text(database.url())
    values = yaml.safe_load(page.blocks("### Install", "yaml")[0])
    values["secrets"] = {"databaseCa": {"name": "licenses-ca", "key": "ca.crt"}}
    (work / "values.yaml").write_text(json.dumps(values))
    done = 0
    for line in namespace.splitlines():
        subprocess.run(["bash", "-euc", line], cwd=work, env=scheduler.plane.environment(), check=True, stdout=subprocess.DEVNULL)
        done += 1
    scheduler.run(f"kubectl -n kaching create secret generic licenses-ca --from-file=ca.crt={database.folder}/ca.crt", work)
    for line in commands.splitlines():
        if " exec " in line:
            pod = next(iter(scheduler.node.pods.values()))
            pod.exec(*shlex.split(line.split(" -- ", 1)[1]))
        else:
            scheduler.run(line, work)
        done += 1
    pods = scheduler.plane.call("GET", f"{scheduler.core}/pods")["items"]
    budget = scheduler.plane.call("GET", f"/apis/policy/v1/namespaces/kaching/poddisruptionbudgets/kaching")
    until(lambda: (scheduler.sync(), len(scheduler.ready("kaching")) == 2)[1], "the Service does not lead to two pods")
    print(f"API server {version(scheduler)}: {done} commands of docs/kubernetes.md install the chart by helm; {len(pods)} pods are admitted under "
          f"the restricted Pod Security Standard, run and become ready; budget: {budget['spec']['maxUnavailable']} at a time")


def version(scheduler: Scheduler) -> str:
    return scheduler.plane.call("GET", "/version")["gitVersion"]


def upgrade(scheduler: Scheduler, work: Path):
    """Follows the section "Upgrade", with other settings, while calls go where the Service leads."""
    values = json.loads((work / "values.yaml").read_text()) | {"settings": {"log": {"level": "debug"}}}
    (work / "values.yaml").write_text(json.dumps(values))
    answered, failed, done = [0], [], threading.Event()

    def call():
        while not done.wait(0.02):
            ready = set(scheduler.ready("kaching"))
            for pod in [pod for pod in list(scheduler.node.pods.values()) if pod.ip in ready]:
                status, text = pod.get("/v1/validate", "products", body={})
                answered[0] += 1
                if status != 422:
                    failed.append(f"{pod.name}: {status} {text}")

    caller = threading.Thread(target=call)
    caller.start()
    try:
        before = set(scheduler.node.pods)
        for line in page.blocks("### Upgrade")[0].splitlines():
            scheduler.run(f"{line} && kubectl --namespace kaching rollout status deployment/kaching", work)
            after = set(scheduler.node.pods)
            if before & after and line.startswith("helm"):
                until(lambda: (scheduler.sync(), not before & set(scheduler.node.pods))[1], f"`{line}` replaces no pods")
            before = set(scheduler.node.pods)
    finally:
        done.set()
        caller.join()
    if failed:
        raise SystemExit(f"{len(failed)} of {answered[0]} calls failed during an upgrade: {failed[0]}")
    print(f"helm upgrade and helm rollback replace all pods by the Deployment's controller: {answered[0]} calls, none failed")


def mended(scheduler: Scheduler, work: Path):
    """With SQLite, a release with a setting that the server refuses is mended by the next one."""
    (work / "sqlite.yaml").write_text(json.dumps({"publicUrl": "https://licenses.example.com", "database": "sqlite", "replicas": 1}))
    scheduler.run("helm install kaching deploy/helm/kaching --namespace kaching --values sqlite.yaml --set settings.limits.mistaken=1", work)
    until(lambda: (scheduler.sync(), (pod := scheduler.node.pods.get("kaching-0")) and pod.process.poll())[1], "a mistaken setting is accepted")
    said = scheduler.node.pods["kaching-0"].log.read_text().strip()
    scheduler.run("helm upgrade kaching deploy/helm/kaching --namespace kaching --values sqlite.yaml", work)
    scheduler.run("kubectl --namespace kaching rollout status statefulset/kaching", work)
    print(f"SQLite: a mistaken setting ends the pod ({said.splitlines()[-1].partition(';')[0]}), and the next release replaces it")
    gone(scheduler, work)


def gone(scheduler: Scheduler, work: Path):
    scheduler.run("helm uninstall kaching --namespace kaching", work)
    until(lambda: (scheduler.sync(), not scheduler.node.pods)[1], "helm uninstall leaves pods", 60)


def plain(scheduler: Scheduler, work: Path):
    """Gives the plain manifests to the API server, which has nothing else of that name."""
    out = scheduler.run("kubectl --namespace kaching apply --dry-run=server --filename deploy/kubernetes/kaching.yaml", work)
    print(f"kaching.yaml: the API server accepts its {len(out.splitlines())} objects")


def product(scheduler: Scheduler, work: Path):
    """Follows the section "Set it up" of the product; its pods are created, and run elsewhere (product.py)."""
    (work / "license.key").write_text("CHORUS-TEST\n")
    commands = page.blocks("### Set it up")[0]
    out = scheduler.run(commands, work)
    wanted = {"chorus-0", "chorus-node-0", "chorus-node-1"}

    def created() -> bool:
        return {one["metadata"]["name"] for one in scheduler.plane.call("GET", "/api/v1/namespaces/chorus/pods")["items"]} == wanted

    until(created, "the pods of the product are not admitted")
    claims = scheduler.plane.call("GET", "/api/v1/namespaces/chorus/persistentvolumeclaims")["items"]
    print(f"product.yaml: {len(commands.splitlines())} commands of docs/kubernetes.md; its {len(wanted)} pods are admitted under the restricted "
          f"Pod Security Standard, with {len(claims)} claims: {' '.join(sorted(wanted))}")
    if "Warning" in out:
        raise SystemExit(f"kubectl warns: {out}")
