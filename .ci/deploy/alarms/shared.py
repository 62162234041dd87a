"""Where the files of the alarms are, and how they are read."""

import json
import re
import subprocess
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus/kaching.rules.yml"
RUNBOOKS = ROOT / "docs/runbooks"
# Operators replace it by the address of their own copy.
RUNBOOK_BASE = "https://github.com/kaching/kaching/blob/main/docs/runbooks/"


class Wrong(Exception):
    """What does not hold, in one sentence."""


def expect(holds: object, sentence: str) -> None:
    if not holds:
        raise Wrong(sentence)


def run(*command: object, within: Path | None = None) -> str:
    """Runs a command that has to succeed. Returns what it printed."""
    try:
        ran = subprocess.run([str(word) for word in command], cwd=within, capture_output=True, text=True)
    except FileNotFoundError:
        raise Wrong(f"{command[0]} is missing: ./check tools installs it") from None
    expect(ran.returncode == 0, f"{' '.join(map(str, command))} failed:\n{ran.stdout}{ran.stderr}")
    return ran.stdout + ran.stderr


def read_yaml(path: Path) -> dict:
    return yaml.safe_load(path.read_text())


def rules() -> list[dict]:
    return [rule for group in read_yaml(RULES)["groups"] for rule in group["rules"]]


def alerts() -> dict[str, dict]:
    return {rule["alert"]: rule for rule in rules() if "alert" in rule}


def dashboard() -> dict:
    return json.loads((DEPLOY / "grafana/kaching.json").read_text())


def queries(board: dict) -> list[tuple[str, str]]:
    """Returns each query of the dashboard, with the panel that it is of."""
    found = [(panel["title"], target["expr"]) for panel in board["panels"] for target in panel.get("targets", [])]
    return found + [(note["name"], note["expr"]) for note in board["annotations"]["list"]]


def selectors(expression: str) -> list[str]:
    """Returns the series that an expression reads, each with its matchers."""
    return re.findall(r"\b(?:up|(?:kaching|process)[a-z0-9_:]+)(?:\{[^}]*\})?", expression)


def metric(selector: str) -> str:
    return selector.split("{")[0]
