"""Whether openapi.json is what others can use: it is linted, clients are generated from it, compiled, and run against a
server, and schemathesis calls every operation with what the schemas allow and with what they don't.

Usage: described.py PATH-TO-KACHING FOLDER. The folder keeps the npm packages and the Python environment between runs.
SCHEMATHESIS_SECONDS (120) is the time of schemathesis.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
SURFACE = HERE.parent.parent / "surface" / "openapi.json"
CHECKS = {
    "positive": "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "positive_data_acceptance,sound_requests_are_accepted",
    "negative": "not_a_server_error",
}
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}
# Nobody is turned away for their number of calls.
UNLIMITED = {
    "KACHING_LIMITS__FAILURES_PER_MINUTE": "1000000000",
    **{
        f"KACHING_LIMITS__{name}": "0"
        for name in ("TOKEN_PER_SECOND", "LICENSE_PER_SECOND", "VALIDATIONS_PER_SECOND", "ACTIVATION_PER_SECOND",
                     "CHANGES_PER_SECOND", "NEW_FINGERPRINTS_PER_HOUR")
    },
}


def main(kaching: str, folder: Path) -> None:
    npm, python = install(folder)
    with tempfile.TemporaryDirectory(prefix="kaching-described-") as own, Server(kaching, Path(own)) as server:
        assert server.get("/openapi.json") == SURFACE.read_text(), "the server describes itself by surface/openapi.json"
        run("redocly lint", npm / "redocly", "lint", SURFACE, "--config", HERE / "redocly.yaml", quiet=True)
        metrics(server)
        typescript(npm, folder, server)
        generated_python(python, folder, server)
        seconds = int(os.environ.get("SCHEMATHESIS_SECONDS", "120"))
        fuzz(python, server, Path(own), "positive", seconds * 3 // 4)
        fuzz(python, server, Path(own), "negative", max(seconds // 4, 1))


def install(folder: Path) -> tuple[Path, Path]:
    """Installs the pinned tools, once for each version of the pins."""
    npm, venv = folder / f"npm-{digest('package-lock.json')}", folder / f"python-{digest('requirements.txt')}"
    if not (npm / "done").exists():
        shutil.rmtree(npm, ignore_errors=True)
        npm.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, npm)
        run("npm ci", "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", npm, quiet=True)
        (npm / "done").touch()
    if not (venv / "done").exists():
        shutil.rmtree(venv, ignore_errors=True)
        run("venv", sys.executable, "-m", "venv", venv)
        requirements = ("--require-hashes", "-r", HERE / "requirements.txt")
        run("pip", venv / "bin/pip", "install", "--quiet", "--only-binary", ":all:", *requirements)
        (venv / "done").touch()
    return npm / "node_modules/.bin", venv / "bin"


def digest(name: str) -> str:
    return hashlib.sha256((HERE / name).read_bytes()).hexdigest()[:12]


def typescript(npm: Path, folder: Path, server: "Server") -> None:
    work = fresh(folder / "typescript")
    for name in ("client.ts", "tsconfig.json"):
        shutil.copy(HERE / name, work)
    (work / "package.json").write_text('{"private": true, "type": "module"}')
    (work / "node_modules").symlink_to(npm.parent.resolve())
    run("openapi-typescript", npm / "openapi-typescript", SURFACE, "-o", work / "kaching.d.ts", quiet=True)
    run("tsc", npm / "tsc", "--project", work)
    run("the client in TypeScript", "node", work / "out/client.js", server.url, server.token)


def generated_python(python: Path, folder: Path, server: "Server") -> None:
    work = fresh(folder / "python")
    package = work / "kaching_generated"
    options = ("--meta", "none", "--overwrite", "--fail-on-warning", "--config", HERE / "generator.yaml")
    run("openapi-python-client", python / "openapi-python-client", "generate", "--path", SURFACE, "--output-path", package,
        *options, quiet=True)
    client = shutil.copy(HERE / "client.py", work)
    run("mypy", python / "mypy", "--cache-dir", folder / "mypy", client, package, path=work, quiet=True)
    run("the client in Python", python / "python", client, server.url, server.token, path=work)


def metrics(server: "Server") -> None:
    """Both formats of the metrics; promtool reads and judges the one of Prometheus."""
    open_metrics = "application/openmetrics-text"
    for accept, expected in (("*/*", "text/plain; version=0.0.4"), (f"{open_metrics},text/plain;q=0.5", open_metrics)):
        request = urllib.request.Request(server.url + "/metrics", headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=10) as answer:
            text, kind = answer.read(), answer.headers["Content-Type"]
        assert kind.startswith(expected), (accept, kind)
        assert text.endswith(b"# EOF\n") == (expected == open_metrics), accept
        if expected != open_metrics:
            judged = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True)
            if judged.returncode or judged.stdout or judged.stderr:
                sys.exit(f"promtool check metrics: {(judged.stdout + judged.stderr).decode()}")
    print("promtool check metrics: no finding; OpenMetrics is written where Accept asks for it")


def fuzz(python: Path, server: "Server", own: Path, mode: str, seconds: int) -> None:
    """Calls every operation with what the schemas allow, or with what they don't."""
    for name in ("hooks.py", "schemathesis.toml"):
        shutil.copy(HERE / name, own)
    token = json.loads(server.get("/v1/admin/tokens"))["items"][-1]["id"]
    key, lease = furnish(server, mode)
    command = [python / "st", "--config-file", "schemathesis.toml", "run", SURFACE, "--url", server.url,
               "--header", f"Authorization: Bearer {server.token}", "--checks", CHECKS[mode], "--mode", mode,
               "--max-time", str(seconds), "--continue-on-failure", "--no-color", "--warnings", "off",
               # How hard it is to generate something is no property of the API.
               "--suppress-health-check", "all"]
    if mode == "negative":
        command += ["--phases", "coverage"]
    environment = {**os.environ, "OWN_TOKEN": token, "PRODUCT_KEY": key, "PRODUCT_LEASE": lease}
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=own, env=environment)
    if done.returncode != 0:
        sys.exit(f"schemathesis, {mode}:\n{done.stdout}{done.stderr}")
    lines = [line.strip() for line in done.stdout.splitlines()]
    told = [line for line in lines if line.startswith(("Tested:", "Seed:")) or " generated, " in line]
    print(f"schemathesis, {mode} for {seconds} s: no finding;", ", ".join(told), flush=True)


def furnish(server: "Server", code: str) -> tuple[str, str]:
    """Makes a license that nothing else uses, and activates it. Returns its key and its lease."""
    server.post("/v1/admin/products", code=code, name=code)
    server.post("/v1/admin/plans", product=code, code="team", name="Team", rank=1, term="1y")
    server.post("/v1/admin/customers", name=code, reference=code)
    key = server.post("/v1/admin/licenses", customer=code, product=code, plan="team")["key"]
    installation = {"product": code, "fingerprint": "one", "kind": "device", "nonce": "0123456789abcdef"}
    return key, server.post("/v1/activate", license_key=key, **installation)["lease"]


class Server:
    """An authority on a data directory of its own, without limits of rate."""

    def __init__(self, kaching: str, folder: Path) -> None:
        self.data, self.log = folder / "data", open(folder / "server.log", "w+")
        command = [kaching, "serve", "--data", self.data, "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env={**os.environ, **UNLIMITED})
        self.url, self.token = "", ""

    def __enter__(self) -> "Server":
        end = time.monotonic() + 20
        while time.monotonic() < end and self.process.poll() is None:
            self.log.seek(0)
            said = [line for line in self.log.read().splitlines() if line.startswith("Kaching serves products on ")]
            if said:
                self.url, self.token = said[0].split()[-1], (self.data / "first-token").read_text().strip()
                return self
            time.sleep(0.05)
        self.log.seek(0)
        sys.exit(f"the authority does not answer:\n{self.log.read()}")

    def __exit__(self, *_) -> None:
        self.process.terminate()
        self.process.wait(30)
        self.log.close()

    def get(self, path: str) -> str:
        request = urllib.request.Request(self.url + path, headers={"Authorization": f"Bearer {self.token}"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.read().decode()

    def post(self, path: str, **body) -> dict:
        headers = {"Content-Type": "application/json"}
        if path.startswith("/v1/admin/"):
            headers["Authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.url + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)


def fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def run(what: str, *command, path: Path | None = None, quiet: bool = False) -> None:
    """Runs a command; its output is shown if it fails, or is of use."""
    environment = {**os.environ, **QUIET, **({"PYTHONPATH": str(path), "MYPYPATH": str(path)} if path else {})}
    began = time.monotonic()
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, env=environment)
    if done.returncode != 0:
        sys.exit(f"{what} failed:\n{done.stdout}{done.stderr}")
    print(f"{what}: passed in {time.monotonic() - began:.1f} s" if quiet else done.stdout, end="\n" if quiet else "", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], Path(sys.argv[2]).resolve())
