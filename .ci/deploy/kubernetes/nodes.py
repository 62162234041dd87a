"""The pods of a control plane, scheduled and run in the stand-in for a node (kubelet.py)."""

import base64
import subprocess
import time

from controlplane import ControlPlane
from kubelet import Node, Pod

NAME = "node-a"
MERGE = "application/merge-patch+json"


class Scheduler:
    """Runs the pods of one namespace: call `sync` again and again."""

    def __init__(self, plane: ControlPlane, node: Node, namespace: str):
        self.plane, self.node, self.namespace = plane, node, namespace
        self.core = f"/api/v1/namespaces/{namespace}"
        self.leaving: dict[str, float] = {}
        self.shown: dict[str, tuple] = {}
        plane.call("POST", "/api/v1/nodes", {"kind": "Node", "metadata": {"name": NAME}})

    def sync(self):
        found = self.plane.call("GET", f"{self.core}/pods")["items"]
        for one in found:
            name = one["metadata"]["name"]
            if not one["spec"].get("nodeName"):
                binding = {"metadata": {"name": name}, "target": {"kind": "Node", "name": NAME}}
                self.plane.call("POST", f"{self.core}/pods/{name}/binding", binding)
            elif "deletionTimestamp" in one["metadata"]:
                self._leave(name)
            elif name not in self.node.pods:
                self._objects()
                self.node.pods[name] = Pod(self.node, name, one["spec"])
                self.node.pods[name].start()
            else:
                self._report(one, self.node.pods[name])
        self._services()

    def run(self, line: str, folder: str) -> str:
        """Runs a line of shell that may wait for pods; returns its output."""
        process = subprocess.Popen(["bash", "-euo", "pipefail", "-c", line], cwd=folder, env=self.plane.environment(), text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        end = time.monotonic() + 180
        while process.poll() is None:
            self.sync()
            if time.monotonic() > end:
                process.kill()
                raise SystemExit(f"`{line}` does not end: {process.stdout.read()}")
            time.sleep(0.1)
        output = process.stdout.read()
        if process.returncode:
            raise SystemExit(f"`{line}`: {output}")
        return output

    def ready(self, service: str) -> list[str]:
        """Returns the addresses to which a Service leads now."""
        slices = self.plane.call("GET", f"/apis/discovery.k8s.io/v1/namespaces/{self.namespace}/endpointslices")["items"]
        mine = [one for one in slices if one["metadata"]["labels"]["kubernetes.io/service-name"] == service]
        return [address for one in mine for end in one["endpoints"] or [] if end["conditions"].get("ready") for address in end["addresses"]]

    def _leave(self, name: str):
        pod = self.node.pods.get(name)
        if pod and pod.process and pod.process.poll() is None:
            if name not in self.leaving:
                self.leaving[name] = time.monotonic()
                pod.terminate()
            elif time.monotonic() - self.leaving[name] > pod.spec["terminationGracePeriodSeconds"]:
                raise SystemExit(f"{name} would be killed after {pod.spec['terminationGracePeriodSeconds']} s: {pod.log.read_text()}")
            return
        if pod:
            if name in self.leaving and pod.process.poll():
                raise SystemExit(f"{name} ended with {pod.process.poll()}: {pod.log.read_text()}")
            pod.remove()
        self.leaving.pop(name, None)
        self.shown.pop(name, None)
        self.plane.call("DELETE", f"{self.core}/pods/{name}", {"kind": "DeleteOptions", "apiVersion": "v1", "gracePeriodSeconds": 0})

    def _report(self, one: dict, pod: Pod):
        """Reports the state of a pod's container, as its probes show it."""
        # A container that ended stays so: no check needs its next start.
        runs = pod.process.poll() is None
        ready = runs and pod.probe("readiness")
        state = (runs, ready)
        if self.shown.get(pod.name) == state:
            return
        self.shown[pod.name] = state
        flag = "True" if ready else "False"
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        conditions = {"PodScheduled": "True", "Initialized": "True", "ContainersReady": flag, "Ready": flag}
        container = {"name": pod.container["name"], "image": pod.container["image"], "imageID": "", "ready": ready, "started": ready,
                     "restartCount": 0, "state": {"running": {"startedAt": now}} if runs else {"waiting": {"reason": "CrashLoopBackOff"}}}
        status = {"phase": "Running", "podIP": pod.ip, "podIPs": [{"ip": pod.ip}], "startTime": now, "containerStatuses": [container],
                  "conditions": [{"type": kind, "status": value, "lastTransitionTime": now} for kind, value in conditions.items()]}
        self.plane.call("PATCH", f"{self.core}/pods/{pod.name}/status", {"status": status}, MERGE)

    def _objects(self):
        for kind, plural in (("secret", "secrets"), ("configMap", "configmaps")):
            for one in self.plane.call("GET", f"{self.core}/{plural}")["items"]:
                data = one.get("data", {})
                files = {k: base64.b64decode(v) if kind == "secret" else v.encode() for k, v in data.items()}
                self.node.objects[kind, one["metadata"]["name"]] = files

    def _services(self):
        for one in self.plane.call("GET", f"{self.core}/services")["items"]:
            self.node.resolve(one["metadata"]["name"], *self.ready(one["metadata"]["name"]))
