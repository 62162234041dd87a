"""What a node of Kubernetes does with a pod, as far as our manifests depend on it: a network and an address for each
pod, volumes with the kubelet's owners and modes, Secrets and ConfigMaps as files and variables, the user, the read-only
root, probes, signals. There is no API server: what controllers do (to replace a pod, to move it), the checks do.
"""

import ctypes
import http.client
import json
import os
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from volumes import prepare

CLONE_NEWNET = 0x40000000
NODE = "10.244.0.1"


class Refused(Exception):
    """A container ended where it should have served; the text is its log."""


class Node:
    """A machine that runs pods. This process becomes a part of its network."""

    def __init__(self, binaries: dict[str, Path]):
        self.binaries, self.objects, self.pods, self.names, self._count = binaries, {}, {}, {}, 0

    def __enter__(self) -> "Node":
        self.directory = Path(tempfile.mkdtemp(prefix="node-"))
        # Pods reach what is below it by their mounts alone.
        self.directory.chmod(0o755)
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
            raise SystemExit("a network of its own needs root")
        ip("link", "set", "lo", "up")
        ip("link", "add", "pods", "type", "bridge")
        ip("addr", "add", f"{NODE}/16", "dev", "pods")
        ip("link", "set", "pods", "up")
        self.resolve("localhost", "127.0.0.1")
        return self

    def __exit__(self, *_):
        for pod in list(self.pods.values()):
            pod.remove()
        shutil.rmtree(self.directory)

    def count(self) -> int:
        self._count += 1
        return self._count

    def claim(self, name: str) -> Path:
        """Returns the volume of a claim; a new one is as a file system of its own is after it was made."""
        directory = self.directory / "claims" / name
        if not directory.exists():
            (directory / "lost+found").mkdir(parents=True)
            (directory / "lost+found").chmod(0o700)
        return directory

    def lose(self, name: str):
        shutil.rmtree(self.directory / "claims" / name)

    def apply(self, manifests: list[dict]):
        """Takes the ConfigMaps of some manifests; Secrets come from elsewhere."""
        for one in manifests:
            if one["kind"] == "ConfigMap":
                self.objects["configMap", one["metadata"]["name"]] = {k: v.encode() for k, v in one["data"].items()}

    def resolve(self, name: str, *addresses: str):
        """Makes a name of the cluster's DNS lead to these addresses."""
        if self.names.get(name) == addresses:
            return
        self.names[name] = addresses
        lines = "".join(f"{address} {name}\n" for name, all in self.names.items() for address in all).encode()
        # Pods read the file meanwhile: it is never empty.
        file = os.open(self.directory / "hosts", os.O_RDWR | os.O_CREAT, 0o644)
        os.pwrite(file, lines, 0)
        os.ftruncate(file, len(lines))
        os.close(file)

    def pod(self, workload: dict, name: str) -> "Pod":
        """Returns the pod of a Deployment or StatefulSet with this name, which does not run yet."""
        spec = json.loads(json.dumps(workload["spec"]["template"]["spec"]))
        for claim in workload["spec"].get("volumeClaimTemplates", []):
            of = claim["metadata"]["name"]
            spec.setdefault("volumes", []).append({"name": of, "persistentVolumeClaim": {"claimName": f"{of}-{name}"}})
        self.pods[name] = Pod(self, name, spec)
        return self.pods[name]


class Pod:
    """A pod of one container: its network stays while its container is started and killed."""

    def __init__(self, node: Node, name: str, spec: dict):
        self.node, self.name, self.spec, (self.container,) = node, name, spec, spec["containers"]
        self.process, self.log = None, node.directory / f"{name}.log"
        self.pause = subprocess.Popen(["unshare", "--net", "sleep", "infinity"])
        until(lambda: os.stat(f"/proc/{self.pause.pid}/ns/net").st_ino != os.stat("/proc/self/ns/net").st_ino, "no network")
        link = f"pod{node.count()}"
        ip("link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", str(self.pause.pid))
        ip("link", "set", link, "master", "pods", "up")
        self.inside("ip", "link", "set", "lo", "up")
        self.inside("ip", "link", "set", "eth0", "up")
        self.ip = None
        self.move()

    def inside(self, *command: str, **more) -> subprocess.Popen:
        """Runs a program of this machine in the pod's network."""
        line = ["nsenter", "--target", str(self.pause.pid), "--net", *command]
        return subprocess.Popen(line, **more) if more else subprocess.run(line, check=True)

    def move(self):
        """Gives the pod another address, as on another node."""
        if self.ip:
            self.inside("ip", "addr", "flush", "dev", "eth0")
        self.ip = f"10.244.1.{self.node.count()}"
        self.inside("ip", "addr", "add", f"{self.ip}/16", "dev", "eth0")

    def start(self, *, command: list[str] | None = None, replace: dict[str, str] | None = None, out: Path | None = None):
        """Starts the container; with `command`, another one in its place. `replace` changes texts of its arguments."""
        security = {**self.spec.get("securityContext", {}), **self.container.get("securityContext", {})}
        by_name = {volume["name"]: prepare(self.node, self.name, volume, security) for volume in self.spec.get("volumes", [])}
        mounts = [[str(self.node.directory / "hosts"), "/etc/hosts", "ro"]]
        for one in self.container.get("volumeMounts", []):
            source, options = by_name[one["name"]]
            source = source / one["subPath"] if "subPath" in one else source
            mounts.append([str(source.resolve()), one["mountPath"], "ro" if one.get("readOnly") else options])
        self.environment = self._environment()
        line = [self._expand(part) for part in self.container["command"] + self.container.get("args", [])]
        for old, new in (replace or {}).items():
            line = [part.replace(old, new) for part in line]
        binary = Path(line[0])
        mounts.append([str(self.node.binaries[binary.name]), str(binary), "ro"])
        root = self.node.directory / f"root-{self.node.count()}"
        root.mkdir()
        todo = {
            "root": str(root), "mounts": mounts, "read_only": security["readOnlyRootFilesystem"],
            "user": security["runAsUser"], "group": security["runAsGroup"], "groups": [security["fsGroup"]],
            "command": command or line, "environment": self.environment,
        }
        self.log.write_bytes(b"")
        enter = ["unshare", "--mount", "--pid", "--fork", "--kill-child", sys.executable, str(Path(__file__).with_name("enter.py"))]
        with self.log.open("ab") as log, (out or self.log).open("ab") as output:
            self.process = self.inside(*enter, stdin=subprocess.PIPE, stdout=output, stderr=log)
        self.process.stdin.write(json.dumps(todo).encode() + b"\n")
        self.process.stdin.close()

    def run(self, *command: str) -> str:
        """Runs another command in place of the container's, to its end; returns what it printed."""
        out = self.log.with_suffix(".out")
        out.unlink(missing_ok=True)
        self.start(command=list(command), out=out)
        code = self.process.wait(60)
        self.process = None
        if code:
            raise Refused(out.read_text() + self.log.read_text())
        return out.read_text()

    def exec(self, *command: str, check: bool = True) -> str:
        """Runs a command in the running container, as `kubectl exec` does."""
        ids = ["--setgid", str(self.container_user()), "--setuid", str(self.container_user())]
        line = ["nsenter", "--target", str(self.init()), "--mount", "--pid", "--net", "--root", "--wd", *ids, *command]
        done = subprocess.run(line, env=self.environment, capture_output=True, text=True, timeout=60)
        if check and done.returncode:
            raise SystemExit(f"{' '.join(command)} in {self.name}: {done.stdout}{done.stderr}")
        return done.stdout

    def container_user(self) -> int:
        return self.spec["securityContext"]["runAsUser"]

    def init(self) -> int:
        """Returns the id of the container's process."""
        found = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(found[0])

    def get(self, path: str, port: str | int, *, timeout: float = 5, scheme: str = "HTTP", body: dict | None = None) -> tuple[int, str]:
        """Calls the pod at one of its ports; returns status and answer, 0 if there is none."""
        number = next((p["containerPort"] for p in self.container["ports"] if p["name"] == port), port)
        try:
            if scheme == "HTTPS":  # As the kubelet does, without looking at the certificate.
                context = ssl._create_unverified_context()
                connection = http.client.HTTPSConnection(self.ip, number, timeout=timeout, context=context)
            else:
                connection = http.client.HTTPConnection(self.ip, number, timeout=timeout)
            text = json.dumps(body) if body is not None else None
            connection.request("POST" if text else "GET", path, text, {"Content-Type": "application/json"} if text else {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error)

    def probe(self, kind: str) -> bool:
        """Whether a probe succeeds now: `startup`, `readiness` or `liveness`."""
        probe = self.container[f"{kind}Probe"]
        one = probe["httpGet"]
        status, _ = self.get(one["path"], one["port"], timeout=probe.get("timeoutSeconds", 1), scheme=one.get("scheme", "HTTP"))
        return 200 <= status < 400

    def wait(self, kind: str = "readiness", seconds: float = 30):
        """Waits until a probe succeeds."""
        def holds():
            if self.process.poll() is not None:
                raise Refused(self.log.read_text())
            return self.probe(kind)
        until(holds, lambda: f"the {kind} probe of {self.name} fails: {self.log.read_text()}", seconds)

    def kill(self):
        os.kill(self.init(), signal.SIGKILL)
        self.process.wait()
        self.process = None

    def terminate(self):
        os.kill(self.init(), signal.SIGTERM)

    def ended(self) -> float:
        """Waits for the end after SIGTERM, and returns the seconds; longer than the grace period is an error."""
        began = time.monotonic()
        grace = self.spec.get("terminationGracePeriodSeconds", 30)
        try:
            code = self.process.wait(grace)
        except subprocess.TimeoutExpired:
            raise SystemExit(f"{self.name} would be killed after {grace} s") from None
        if code:
            raise SystemExit(f"{self.name} ended with {code}: {self.log.read_text()}")
        self.process = None
        return time.monotonic() - began

    def remove(self):
        if self.process and self.process.poll() is None:
            self.kill()
        self.pause.kill()
        self.pause.wait()
        del self.node.pods[self.name]

    def _environment(self) -> dict[str, str]:
        found = {"PATH": "/usr/bin:/bin", "HOME": "/", "HOSTNAME": self.name, "KUBERNETES_SERVICE_HOST": "10.96.0.1"}
        for one in self.container.get("envFrom", []):
            found |= {k: v.decode() for k, v in self.node.objects["configMap", one["configMapRef"]["name"]].items()}
        for one in self.container.get("env", []):
            known = {"metadata.name": self.name, "metadata.namespace": "default"}
            found[one["name"]] = one["value"] if "value" in one else known[one["valueFrom"]["fieldRef"]["fieldPath"]]
        return found

    def _expand(self, text: str) -> str:
        return re.sub(r"\$\(([A-Za-z_]+)\)", lambda name: self.environment[name[1]], text)


def ip(*arguments: str):
    subprocess.run(["ip", *arguments], check=True)


def until(holds, otherwise, seconds: float = 30):
    """Waits until something holds, else ends with a sentence."""
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise SystemExit(otherwise() if callable(otherwise) else otherwise)
        time.sleep(0.05)
