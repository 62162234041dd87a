"""Helm, built from its Go module at a pinned version, and what it makes of our chart."""

import os
import shutil
import subprocess
from pathlib import Path

from manifests import versions

VERSION = "v3.22.0"
ROOT = Path(__file__).parents[3]
CHART = ROOT / "deploy/helm/kaching"
PLAIN = ROOT / "deploy/kubernetes"


def build() -> Path:
    """Returns the program; the first time, Go builds it, which takes some minutes."""
    folder = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")).resolve() / "tools" / f"helm-{VERSION}"
    if not (folder / "helm").exists():
        if not shutil.which("go"):
            raise SystemExit("there is no go: install Go 1.26 or newer (https://go.dev/dl), which builds Helm and Kubernetes' API server")
        print(f"building helm {VERSION}", flush=True)
        subprocess.run(["go", "install", f"helm.sh/helm/v3/cmd/helm@{VERSION}"], env={**os.environ, "GOBIN": str(folder)}, check=True)
    return folder / "helm"


class Helm:
    def __init__(self, program: Path):
        self.program = program

    def run(self, *arguments: str | Path) -> tuple[int, str, str]:
        done = subprocess.run([self.program, *arguments], capture_output=True, text=True)
        # It reports each time that the alarm rules are a link to the file of deploy/prometheus.
        errors = "\n".join(line for line in done.stderr.splitlines() if "found symbolic link" not in line)
        return done.returncode, done.stdout, errors

    def lint(self, values: Path):
        code, out, errors = self.run("lint", "--strict", "--kube-version", versions()[-1], "--values", values, CHART)
        if code or "[WARNING]" in out or "[ERROR]" in out:
            raise SystemExit(f"helm lint with {values.name}: {out}{errors}")

    def template(self, *values: Path, name: str = "kaching", set: tuple[str, ...] = (), chart: Path = CHART) -> str:
        """Renders the chart; a refusal is an error with its sentence."""
        sources = [part for one in values for part in ("--values", one)] + [part for one in set for part in ("--set-json", one)]
        code, out, errors = self.run(
            "template", name, chart, "--kube-version", versions()[-1], "--namespace", "kaching", "--skip-tests", *sources
        )
        if code:
            raise SystemExit(f"helm template: {errors}")
        return out
