"""A PostgreSQL outside the pods, with TLS by a certificate authority of its own."""

import shutil
import subprocess
from pathlib import Path

from kubelet import NODE, until

HOST = "db.example.com"
USER = "postgres"


def openssl(folder: Path, *arguments: str):
    done = subprocess.run(["openssl", *arguments], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"openssl {arguments[0]}: {done.stderr}")


def certificate(folder: Path, name: str, host: str):
    """Makes NAME.crt and NAME.key for a host, signed by ca.crt, which is made if it is not there."""
    if not (folder / "ca.crt").exists():
        openssl(folder, "req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", "ca.key", "-out", "ca.crt", "-days", "2",
                "-subj", "/CN=test authority", "-addext", "basicConstraints=critical,CA:TRUE")
    openssl(folder, "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", f"{name}.key",
            "-out", f"{name}.csr", "-subj", f"/CN={host}")
    (folder / "names").write_text(f"subjectAltName=DNS:{host}\n")
    openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-extfile", "names", "-out", f"{name}.crt")


class Database:
    def __init__(self, folder: Path, port: int):
        self.folder, self.port, self.data = folder, port, folder / "data"
        found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parents[1].name))
        program = found[-1] if found else Path(shutil.which("initdb") or "initdb")
        self.programs = program.parent

    def __enter__(self) -> "Database":
        self.folder.mkdir()
        certificate(self.folder, "server", HOST)
        shutil.chown(self.folder, USER)
        for path in self.folder.iterdir():
            shutil.chown(path, USER)
        self._run("initdb", "--pgdata", str(self.data), "--username", USER, "--auth", "trust", "--encoding", "UTF8", "--no-sync")
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write(f"listen_addresses = '{NODE}'\nport = {self.port}\nunix_socket_directories = '{self.folder}'\nfsync = off\n"
                           f"ssl = on\nssl_cert_file = '{self.folder}/server.crt'\nssl_key_file = '{self.folder}/server.key'\n")
        # Pods only with TLS and the password.
        (self.data / "pg_hba.conf").write_text("local all all trust\nhostssl all all 10.244.0.0/16 scram-sha-256\n")
        self.start()
        for line in ("create role kaching login password 'in-a-file-only'",
                     "create database kaching owner kaching template template0 encoding 'UTF8' locale 'C'"):
            self._run("psql", "--host", str(self.folder), "--port", str(self.port), "--username", USER, "--command", line, USER)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.stop()

    def url(self) -> str:
        return f"postgres://kaching:in-a-file-only@{HOST}:{self.port}/kaching?sslrootcert=/secrets/database-ca.pem"

    def start(self):
        self.process = subprocess.Popen(
            self._as_user("postgres", "-D", str(self.data)), stdout=subprocess.DEVNULL, stderr=(self.folder / "log").open("ab"))
        ready = self._as_user("pg_isready", "--host", str(self.folder), "--port", str(self.port))
        until(lambda: subprocess.run(ready, capture_output=True).returncode == 0, "PostgreSQL does not start")

    def stop(self):
        self._run("pg_ctl", "stop", "--mode", "immediate", "--pgdata", str(self.data))
        self.process.wait()

    def _as_user(self, program: str, *arguments: str) -> list[str]:
        return ["setpriv", "--reuid", USER, "--regid", USER, "--init-groups", self.programs / program, *arguments]

    def _run(self, program: str, *arguments: str):
        done = subprocess.run(self._as_user(program, *arguments), capture_output=True, text=True, cwd="/")
        if done.returncode:
            raise SystemExit(f"{program}: {done.stderr}")
