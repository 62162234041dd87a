"""The processes of a run: authorities on both engines, Prometheus and Alertmanager, each in a folder of its own.

They end with `Service`, and only they. Ports are free ones, asked from the system.
"""

import json
import os
import pwd
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from shared import Wrong, expect, run


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def until(what: Callable[[], object], sentence: str | Callable[[], str], seconds: float = 60) -> object:
    """Waits for something to become true; returns it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.2)
    raise Wrong(sentence() if callable(sentence) else sentence)


def get_json(url: str) -> dict | list:
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()
        return True
    except OSError:
        return False


class Service:
    """What this run has started, and its folder. Use it in `with`."""

    def __enter__(self) -> "Service":
        self.folder = Path(tempfile.mkdtemp(prefix="alarms-"))
        self.folder.chmod(0o755)
        self.processes: list[subprocess.Popen] = []
        self.postgres: Path | None = None
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self.processes):
            self.end(process)
        if self.postgres:
            self.as_postgres("pg_ctl", "stop", "--mode=immediate", "-D", self.postgres)
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self, name: str, *command: object, environment: dict[str, str] | None = None) -> subprocess.Popen:
        log = (self.folder / f"{name}.log").open("ab")
        process = subprocess.Popen(
            [str(word) for word in command], stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            env=environment if environment is not None else os.environ, cwd=self.folder,
        )
        process.log = self.folder / f"{name}.log"
        self.processes.append(process)
        return process

    def end(self, process: subprocess.Popen) -> None:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if process in self.processes:
            self.processes.remove(process)

    def ready(self, process: subprocess.Popen, url: str) -> None:
        def sentence() -> str:
            return f"{url} does not answer:\n{process.log.read_text()[-2000:]}"

        until(lambda: process.poll() is not None or answers(url), sentence)
        expect(process.poll() is None, sentence())

    def kaching(self) -> Path:
        """The authority's binary: that of KACHING_BINARY, else the one in the archive for this machine in DIST."""
        if named := os.environ.get("KACHING_BINARY"):
            return Path(named).resolve()
        found = list(Path(os.environ.get("DIST", "target/dist")).glob("kaching-*-x86_64-linux.tar.gz"))
        expect(found, "there is no authority to run: set DIST to the folder of deploy/release, or KACHING_BINARY")
        with tarfile.open(found[0]) as archive:
            member = next(name for name in archive.getnames() if name.endswith("/kaching"))
            archive.extract(member, self.folder, filter="data")
        return self.folder / member

    def as_postgres(self, tool: str, *arguments: object) -> None:
        """Runs a tool of PostgreSQL, which does not run as root."""
        path = next(iter(sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{tool}"), reverse=True)), None) or shutil.which(tool)
        expect(path, f"{tool} is missing: ./check tools installs PostgreSQL")
        run("runuser", "-u", "postgres", "--", path, *arguments, within=self.folder)

    def start_postgres(self) -> str:
        """Starts a PostgreSQL of its own. Returns the address of its database."""
        data, port = self.folder / "postgres", free_port()
        data.mkdir(mode=0o700)
        os.chown(data, pwd.getpwnam("postgres").pw_uid, pwd.getpwnam("postgres").pw_gid)
        self.as_postgres("initdb", "-D", data, "--auth=trust", "--encoding=UTF8", "--locale=C", "--username=kaching", "--no-sync")
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        self.as_postgres("pg_ctl", "start", "-w", "-D", data, "-l", data / "log", "-o", options)
        self.postgres = data
        return f"postgres://kaching@127.0.0.1:{port}/postgres"

    def certificate(self, days: int) -> tuple[Path, Path]:
        """Makes a certificate for this machine that ends soon, and its key."""
        certificate, key = self.folder / "certificate.pem", self.folder / "key.pem"
        run(
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", days,
            "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", certificate,
        )
        key.chmod(0o600)
        return certificate, key

    def start_prometheus(self, config: Path) -> str:
        address = f"127.0.0.1:{free_port()}"
        process = self.start(
            "prometheus", "prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.folder}/tsdb",
            f"--web.listen-address={address}",
        )
        self.ready(process, f"http://{address}/-/ready")
        return f"http://{address}"

    def start_alertmanager(self, config: Path, address: str) -> str:
        # Its connections to the mail server are verified by this certificate alone.
        process = self.start(
            "alertmanager", "prometheus-alertmanager", f"--config.file={config}", f"--storage.path={self.folder}/alertmanager",
            f"--web.listen-address={address}", "--cluster.listen-address=",
            environment={**os.environ, "SSL_CERT_FILE": str(self.folder / "certificate.pem")},
        )
        self.ready(process, f"http://{address}/-/ready")
        return f"http://{address}"


def query(prometheus: str, expression: str) -> list[dict]:
    answer = get_json(f"{prometheus}/api/v1/query?{urllib.parse.urlencode({'query': expression})}")
    return answer["data"]["result"]
