"""The pods of deploy/kubernetes/product.yaml, run in a stand-in for a node with examples/cluster and a real authority:
one slot for all of them, whatever is killed, moved or lost.
"""

import json
import os
import subprocess
import tempfile
import time
import uuid
from pathlib import Path

import manifests
import programs
from helm import PLAIN
from kubelet import Node, Pod, Refused, until

LOCAL = "http://127.0.0.1"


def check():
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        with Node({"kaching": programs.kaching(Path(folder)), "product": programs.cluster()}) as node:
            product = Product(node)
            started(product)
            killed(product)
            moved(product)
            suspended(product)
            scaled(product)
            forgotten(product)


class Product:
    """The workloads, and the authority that the vendor runs."""

    def __init__(self, node: Node):
        self.node = node
        objects = manifests.load((PLAIN / "product.yaml").read_text())
        self.workloads = {one["metadata"]["name"]: one for one in objects if one["kind"] == "StatefulSet"}
        self.services = {one["metadata"]["name"]: one["spec"]["selector"] for one in objects if one["kind"] == "Service"}
        self.holder = node.pod(self.workloads["chorus"], "chorus-0")
        self.nodes = [node.pod(self.workloads["chorus-node"], f"chorus-node-{number}") for number in (0, 1)]
        # A client calls http:// on loopback only, so this authority is in the network of the holder's pod.
        self.authority = self.holder.inside(
            str(node.binaries["kaching"]), "serve", "--ephemeral", "--seed", stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.facts = json.loads(self.authority.stdout.readline())
        self.replace = {"https://licenses.example.com": self.facts["url"], "kaching-root:REPLACE": self.facts["root"]}
        node.objects["secret", "chorus-license"] = {"key": self.facts["keys"]["chorus:team"].encode() + b"\n"}
        node.objects["configMap", "chorus-cluster"] = {"cluster-id": str(uuid.uuid4()).encode()}
        self.lead()

    def lead(self):
        """Makes the names of the Services lead to the pods that run."""
        for name, selector in self.services.items():
            pods = [pod for workload in self.workloads.values() for pod in self.node.pods.values()
                    if selector.items() <= workload["spec"]["template"]["metadata"]["labels"].items()
                    and pod.name.rsplit("-", 1)[0] == workload["metadata"]["name"] and pod.process]
            self.node.resolve(name, *(pod.ip for pod in pods))

    def start(self, pod: Pod):
        pod.start(replace=self.replace)
        pod.wait()
        self.lead()

    def kaching(self, *arguments: str) -> dict:
        """Runs a command of the vendor's operator."""
        environment = {**os.environ, "KACHING_SERVER": self.facts["url"], "KACHING_TOKEN": self.facts["token"]}
        done = self.holder.inside(str(self.node.binaries["kaching"]), *arguments, "--json", env=environment,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        out, errors = done.communicate(timeout=30)
        if done.returncode:
            raise SystemExit(f"kaching {' '.join(arguments)}: {errors}")
        return json.loads(out) if out else {}

    def activations(self) -> list[dict]:
        """Returns the installations that hold a slot of the license, or held one."""
        return self.kaching("activation", "list", "--license", self.license()["id"])["items"]

    def license(self) -> dict:
        return next(one for one in self.kaching("license", "list", "--product", "chorus")["items"] if one["plan"] == "team")

    def only(self) -> dict:
        """Returns the one activation; more are an error."""
        found = self.activations()
        if len(found) != 1 or found[0]["status"] != "active":
            raise SystemExit(f"there is not one activation: {found}")
        return found[0]


def shown(pod: Pod) -> dict:
    status, text = pod.get("/license", "http")
    return json.loads(text) if status == 200 else {}


def works(pod: Pod) -> bool:
    """Whether a pod takes a job, and does it."""
    status, text = pod.get("/jobs", "http", body={"input": "a", "rounds": 10})
    if status not in (200, 201, 202):
        return False
    job = json.loads(text)["id"]
    until(lambda: json.loads(pod.get(f"/jobs/{job}", "http")[1]).get("output"), f"{pod.name} does not do its job")
    return True


def must(holds, sentence: str):
    if not holds:
        raise SystemExit(sentence)


def started(product: Product):
    product.start(product.holder)
    for pod in product.nodes:
        product.start(pod)
    activation = product.only()
    for pod in [product.holder, *product.nodes]:
        must(shown(pod)["granted"]["activation"] == activation["id"], f"{pod.name} has another activation")
        must(works(pod), f"{pod.name} takes no jobs")
    must(has_key(product, product.holder), "the holder has no key, or this check does not find it")
    for pod in product.nodes:
        must(not has_key(product, pod), f"{pod.name} has the license key")
    print("product: a holder and two nodes, each with a volume and a network of its own, run on one slot; nodes have no key")


def has_key(product: Product, pod: Pod) -> bool:
    """Whether a file of the pod has the license key."""
    root = f"/proc/{pod.init()}/root"
    found = subprocess.run(["grep", "-rqs", "-F", "-f", "-", f"{root}/etc", f"{root}/var"],
                           input=product.facts["keys"]["chorus:team"], text=True)
    return found.returncode == 0


def killed(product: Product):
    """The holder is killed: the nodes go on, and it comes back to its slot."""
    before = product.only()
    product.holder.kill()
    product.lead()
    for pod in product.nodes:
        must(works(pod), f"{pod.name} stops when the holder is killed")
    node = product.nodes[0]
    node.kill()
    node.start(replace=product.replace)
    try:
        node.wait()
    except Refused as refusal:
        # Its lease is in order. But examples/cluster counts its nodes, and only the holder can.
        must("keeps no lease" in str(refusal), f"refused for another reason: {refusal}")
    else:
        raise SystemExit("a node of examples/cluster starts without the holder: docs/kubernetes.md says that it waits")
    product.start(product.holder)
    product.start(node)
    must(product.only()["id"] == before["id"], "the holder has another activation after kill -9")
    unwarned(product)
    print("product: the holder is killed: the nodes take jobs, the holder returns to its activation, a node that restarts waits for it")


def moved(product: Product):
    """The holder starts on another node, first with its volume, then without."""
    before = product.only()
    for lost in (False, True):
        product.holder.terminate()
        product.holder.ended()
        product.lead()
        if lost:
            product.node.lose("data-chorus-0")
        product.holder.move()
        product.start(product.holder)
        must(product.only()["id"] == before["id"], f"the holder has another activation, volume lost: {lost}")
        until(lambda: all(pod.name in product.holder.get("/nodes", "http")[1] for pod in product.nodes), "the nodes do not join again")
        unwarned(product)
    print("product: the holder on another address, with its volume and without: the same activation and slot, the nodes join again, no warning")


def suspended(product: Product):
    license_ = product.license()["id"]
    product.kaching("license", "suspend", license_, "--reason", "not paid")
    began = time.monotonic()
    everyone = [product.holder, *product.nodes]
    for pod in everyone:
        until(lambda pod=pod: not json.loads(pod.get("/health", "http")[1])["takes_jobs"], f"{pod.name} goes on", 10)
    took = time.monotonic() - began
    for pod in everyone:
        status, text = pod.get("/jobs", "http", body={"input": "a", "rounds": 1})
        must(status == 403 and "suspended (not paid)" in text, f"{pod.name} answers {status} {text}")
        must(pod.probe("liveness"), f"{pod.name} would be killed for a suspension")
    product.kaching("license", "reinstate", license_)
    for pod in everyone:
        until(lambda pod=pod: works(pod), f"{pod.name} does not go on", 60)
    print(f"product: suspended, all three refuse jobs after {took:.1f} s and are not killed; reinstated, they work")


def scaled(product: Product):
    """A node leaves, and a new one joins: no slot changes."""
    pod = product.nodes.pop()
    pod.terminate()
    took = pod.ended()
    pod.remove()
    product.lead()
    until(lambda: pod.name not in product.holder.get("/nodes", "http")[1], "a node that ended is still counted")
    new = product.node.pod(product.workloads["chorus-node"], "chorus-node-2")
    product.start(new)
    product.nodes.append(new)
    must(len(product.activations()) == 1, "scaling changed the slots")
    until(lambda: shown(product.holder)["levels"] == {"nodes": 3}, "the level is not 3")
    product.kaching("license", "edit", product.license()["id"], "--limit", "nodes=3")
    until(lambda: shown(product.holder)["granted"]["limits"]["nodes"]["max"] == 3, "the new limit does not arrive")
    more = product.node.pod(product.workloads["chorus-node"], "chorus-node-3")
    try:
        product.start(more)
    except Refused as refusal:
        must("does not take this node" in str(refusal), f"refused with: {refusal}")
        sentence = str(refusal).strip()
    else:
        raise SystemExit("a node too many starts")
    more.remove()
    print(f"product: a node leaves in {took * 1000:.0f} ms and a new one joins; the slot stays one. A node too many ends with: {sentence}")


def forgotten(product: Product):
    """Without the authority all continue, the holder also through a restart; and without its volume it does not start."""
    cluster = product.node.objects["configMap", "chorus-cluster"]
    product.holder.kill()
    product.node.lose("data-chorus-0")
    product.node.objects["configMap", "chorus-cluster"] = {"cluster-id": b"another"}
    refused(product, "The only slot is in use. It is held by eu-1.")
    product.node.objects["configMap", "chorus-cluster"] = cluster
    product.start(product.holder)
    product.authority.kill()
    product.authority.wait()
    product.holder.kill()
    product.start(product.holder)
    for pod in [product.holder, *product.nodes]:
        must(works(pod), f"{pod.name} does not work without the authority")
    product.holder.kill()
    product.node.lose("data-chorus-0")
    refused(product, "no valid license")
    print("product: with another cluster id the slot is refused to it; without the authority the holder restarts on its volume, and not without one")


def refused(product: Product, sentence: str):
    try:
        product.start(product.holder)
    except Refused as refusal:
        must(sentence in str(refusal), f"refused with: {refusal}")
    else:
        raise SystemExit(f"the holder starts, where it should say: {sentence}")


def unwarned(product: Product):
    for pod in [product.holder, *product.nodes]:
        must(shown(pod)["warnings"] == [], f"{pod.name} warns: {shown(pod)['warnings']}")
