"""A control plane of Kubernetes: etcd, the API server with its admission, the controllers, and kubectl, built as one program
from their Go modules at pinned versions (control/go.mod). There is no scheduler and no kubelet: nodes.py does what they do.
"""

import base64
import json
import os
import secrets
import shutil
import ssl
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

from database import openssl
from kubelet import NODE, until

SOURCES = Path(__file__).with_name("control")
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", Path(__file__).parents[3] / "target")).resolve()
SERVER = "https://127.0.0.1:6443"


def build() -> Path:
    """Returns the program; the first time, Go builds it, which takes ten minutes of a processor."""
    version = next(line.split()[-1] for line in (SOURCES / "go.mod").read_text().splitlines() if "k8s.io/kubernetes v" in line)
    program = TARGET / "tools" / f"control-{version}"
    if not program.exists():
        print(f"building the control plane of Kubernetes {version}", flush=True)
        # Without it, the server would say that it is no release, and Helm would not install anything.
        stamp = f"-s -w -X k8s.io/component-base/version.gitVersion={version}"
        subprocess.run(["go", "build", "-trimpath", "-ldflags", stamp, "-o", program, "."], cwd=SOURCES, check=True)
    return program


class ControlPlane:
    """Serves on the loopback address of this network; it is gone at the end."""

    def __init__(self, program: Path, folder: Path, helm: Path):
        self.program, self.folder, self.processes, self.token = program, folder, [], secrets.token_hex(16)
        # What the commands of a page find: kubectl, helm.
        self.path = folder / "bin"
        self.helm = helm

    def __enter__(self) -> "ControlPlane":
        self.path.mkdir(parents=True)
        (self.path / "kubectl").write_text(f'#!/bin/sh\nexec {self.program} kubectl "$@"\n')
        (self.path / "kubectl").chmod(0o755)
        (self.path / "helm").symlink_to(self.helm)
        openssl(self.folder, "genrsa", "-out", "accounts.key", "2048")
        openssl(self.folder, "rsa", "-in", "accounts.key", "-pubout", "-out", "accounts.pub")
        (self.folder / "tokens.csv").write_text(f'{self.token},admin,admin,"system:masters"\n')
        self._start("etcd", self.program, "etcd", "--data-dir", self.folder / "etcd", "--unsafe-no-fsync", "--log-level", "error")
        self._start(
            "apiserver", self.program, "apiserver", "--etcd-servers", "http://127.0.0.1:2379", "--bind-address", "127.0.0.1", "--advertise-address", NODE,
            "--cert-dir", self.folder / "certificates", "--token-auth-file", self.folder / "tokens.csv", "--authorization-mode", "RBAC",
            "--service-cluster-ip-range", "10.96.0.0/16", "--service-account-issuer", "https://kubernetes.default",
            "--service-account-signing-key-file", self.folder / "accounts.key", "--service-account-key-file", self.folder / "accounts.pub")
        until(self._is_ready, lambda: f"the API server does not start: {self._log('apiserver')}", 120)
        authority = base64.b64encode((self.folder / "certificates/apiserver.crt").read_bytes()).decode()
        (self.folder / "kubeconfig").write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": SERVER, "certificate-authority-data": authority}}],
            "users": [{"name": "test", "user": {"token": self.token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        }))
        self._start(
            "controllers", self.program, "controllers", "--kubeconfig", self.folder / "kubeconfig", "--leader-elect=false",
            "--bind-address", "127.0.0.1", "--service-account-private-key-file", self.folder / "accounts.key",
            # Our node renews no lease.
            "--controllers=*,-node-lifecycle-controller")
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            process.kill()
            process.wait()
        shutil.rmtree(self.folder)

    def call(self, method: str, path: str, body: dict | None = None, kind: str = "application/json") -> dict:
        """Calls the API; None if there is no such object."""
        request = urllib.request.Request(SERVER + path, json.dumps(body).encode() if body else None, method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        request.add_header("Content-Type", kind)
        try:
            with urllib.request.urlopen(request, context=ssl.create_default_context(cafile=self.folder / "certificates/apiserver.crt")) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return {}
            raise SystemExit(f"{method} {path}: {error.read().decode()}") from None

    def environment(self) -> dict[str, str]:
        return {**os.environ, "KUBECONFIG": str(self.folder / "kubeconfig"), "PATH": f"{self.path}:{os.environ['PATH']}"}

    def _start(self, name: str, *line: str | Path):
        with (self.folder / f"{name}.log").open("wb") as log:
            self.processes.append(subprocess.Popen([str(part) for part in line], stdout=log, stderr=log, cwd=self.folder))

    def _log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()[-3000:]

    def _is_ready(self) -> bool:
        if self.processes[-1].poll() is not None:
            raise SystemExit(f"the API server ended: {self._log('apiserver')}")
        try:
            request = urllib.request.Request(f"{SERVER}/readyz", headers={"Authorization": f"Bearer {self.token}"})
            return urllib.request.urlopen(request, context=ssl._create_unverified_context()).status == 200
        except OSError:
            return False
