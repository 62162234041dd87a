"""Two real authorities and their load: one on SQLite with the sample data, and one on PostgreSQL with TLS and backups."""

import importlib.util
import json
import os
import ssl
import subprocess
import threading
import time
import urllib.request
from pathlib import Path

from service import Service, free_port, until
from shared import ROOT, expect


class Sample:
    """The authority on SQLite: `kaching serve --ephemeral --seed`."""

    def __init__(self, service: Service, binary: Path) -> None:
        # It ends when its input does.
        self.process = subprocess.Popen(
            [binary, "serve", "--ephemeral", "--seed"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=(service.folder / "sample.log").open("wb"), text=True,
        )
        service.processes.append(self.process)
        self.about = json.loads(self.process.stdout.readline() or "{}")
        expect("url" in self.about, f"the authority does not start: {(service.folder / 'sample.log').read_text()}")
        self.address = self.about["url"].removeprefix("http://")

    def admin(self, path: str, body: dict) -> dict:
        request = urllib.request.Request(
            f"{self.about['url']}/v1/admin{path}", json.dumps(body).encode(), method="POST",
            headers={"Authorization": f"Bearer {self.about['token']}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


class Shared:
    """A server on PostgreSQL, with TLS and backups, that can be stopped and started again at the same address."""

    def __init__(self, service: Service, binary: Path, database: str, certificate: tuple[Path, Path]) -> None:
        self.service, self.binary, self.address = service, binary, f"127.0.0.1:{free_port()}"
        data, backups = service.folder / "shared", service.folder / "backups"
        data.mkdir(mode=0o700)
        backups.mkdir()
        self.trust = ssl.create_default_context(cafile=str(certificate[0]))
        self.environment = {
            **os.environ, "KACHING_DATA": str(data), "KACHING_DATABASE__URL": database, "KACHING_SERVER__LISTEN": self.address,
            "KACHING_SERVER__PUBLIC_URL": f"https://{self.address}", "KACHING_SERVER__TLS_CERT": str(certificate[0]),
            "KACHING_SERVER__TLS_KEY": str(certificate[1]), "KACHING_BACKUP__DIRECTORY": str(backups),
            "KACHING_SERVER__LEAVE_S": "0", "KACHING_KEYS__ROOT_PASSPHRASE": "a passphrase for a test",
        }

    def start(self) -> None:
        self.process = self.service.start("shared", self.binary, "serve", environment=self.environment)
        log = self.process.log
        until(lambda: self.process.poll() is not None or self.get("/ready"), lambda: f"it does not serve:\n{log.read_text()[-2000:]}")
        expect(self.process.poll() is None, f"the authority ended:\n{log.read_text()[-2000:]}")

    def get(self, path: str) -> bool:
        try:
            urllib.request.urlopen(f"https://{self.address}{path}", timeout=2, context=self.trust).close()
            return True
        except OSError:
            return False

    def command(self, *arguments: str) -> dict:
        ran = subprocess.run([self.binary, *arguments, "--json"], env=self.environment, capture_output=True, text=True)
        expect(ran.returncode == 0, f"kaching {' '.join(arguments)}: {ran.stderr}")
        return json.loads(ran.stdout or "{}")

    def stop(self) -> None:
        self.service.end(self.process)


class Load:
    """Installations that activate, send heartbeats, validate, wait for changes and are refused, until they are stopped."""

    def __init__(self, sample: Sample, folder: Path) -> None:
        spec = importlib.util.spec_from_file_location("kaching_client", ROOT / "examples/python/kaching_client.py")
        self.module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.module)
        self.sample, self.folder = sample, folder
        self.stopped = threading.Event()
        self.calls = 0
        self.failures: list[str] = []
        self.threads = [threading.Thread(target=self._keep, args=(work,), daemon=True) for work in (self._beat, self._ask, self._listen)]

    def __enter__(self) -> "Load":
        self.clients = [self._client(f"load-{number}", plan) for number, plan in enumerate(("team", "enterprise"))]
        for client in self.clients:
            client.fetch_keyset()
            client.renew()
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join(30)

    def _client(self, name: str, plan: str) -> object:
        about, key = self.sample.about, self.sample.about["keys"][f"chorus:{plan}"]
        return self.module.Client(about["url"], [about["root"]], "chorus", key, name, "cluster", str(self.folder / f"{name}.state"))

    def _keep(self, work: object) -> None:
        while not self.stopped.wait(0.25):
            try:
                work()
                self.calls += 1
            except Exception as error:  # noqa: BLE001 - the run reports what failed
                self.failures.append(f"{type(error).__name__}: {error}")
                time.sleep(1)

    def _beat(self) -> None:
        for client in self.clients:
            # A heartbeat a second is the limit of an installation.
            client.report = {"heard_ms": 40}
            client.renew()
        self.stopped.wait(1)

    def _ask(self) -> None:
        # A job: the terms of a plan are applied to a license.
        self.sample.admin("/plans/chorus:team/apply", {"to": [self.clients[0].lease["sub"]]})
        for key in (self.sample.about["keys"]["chorus:team"], "CHORUS-00000-00000-00000-00000-00000"):
            self._call("/v1/validate", {"license_key": key, "product": "chorus", "nonce": "0123456789abcdef"})
        # This license is for another product: a refusal that is signed.
        self._call("/v1/activate", {
            "license_key": self.sample.about["keys"]["caio:trial"], "product": "chorus", "fingerprint": "other", "kind": "cluster",
            "nonce": "0123456789abcdef",
        })
        self.stopped.wait(1)

    def _call(self, path: str, body: dict) -> None:
        request = urllib.request.Request(
            self.sample.about["url"] + path, json.dumps(body).encode(), headers={"Content-Type": "application/json"}
        )
        self.module.Client.opener.open(request, timeout=10).close()

    def _listen(self) -> None:
        request = urllib.request.Request(
            f"{self.sample.about['url']}/v1/events", headers={"Authorization": f"Bearer {self.clients[0].disk['lease']}"}
        )
        with urllib.request.urlopen(request, timeout=30) as stream:
            for _ in stream:
                if self.stopped.is_set():
                    return
