"""The schemas of the Prometheus operator's objects, from its Go module: Kubernetes has none for them."""

import json
import subprocess
from pathlib import Path

import jsonschema
import yaml

MODULE = "github.com/prometheus-operator/prometheus-operator"
VERSION = "v0.85.0"
FILES = {"ServiceMonitor": "servicemonitors", "PrometheusRule": "prometheusrules"}


def validate(objects: list[dict]) -> list[str]:
    """Validates the objects that the operator knows, as strictly as an API server prunes; returns their kinds."""
    ours = [one for one in objects if one["kind"] in FILES]
    folder = download() / "example/prometheus-operator-crd" if ours else Path()
    for one in ours:
        definition = yaml.safe_load((folder / f"monitoring.coreos.com_{FILES[one['kind']]}.yaml").read_text())["spec"]
        version = next(v for v in definition["versions"] if f"{definition['group']}/{v['name']}" == one["apiVersion"])
        schema = strict(version["schema"]["openAPIV3Schema"])
        # An API server checks the metadata of every kind itself.
        schema["properties"]["metadata"] = {"type": "object"}
        try:
            jsonschema.validate(one, schema)
        except jsonschema.ValidationError as error:
            raise SystemExit(f"{one['kind']}: {'.'.join(map(str, error.absolute_path))}: {error.message}") from None
    return [one["kind"] for one in ours]


def download() -> Path:
    """Returns the directory of the module's sources, which Go has verified by the checksum database."""
    done = subprocess.run(["go", "mod", "download", "-json", f"{MODULE}@{VERSION}"], capture_output=True, text=True, cwd="/")
    if done.returncode:
        raise SystemExit(f"{MODULE} cannot be downloaded: {done.stdout}{done.stderr}")
    return Path(json.loads(done.stdout)["Dir"])


def strict(schema):
    """Returns a schema of a CustomResourceDefinition as one of JSON Schema that refuses unknown fields."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: {name: strict(one) for name, one in value.items()} if key == "properties" else strict(value)
             for key, value in schema.items()}
    if "properties" in found and "additionalProperties" not in found and not found.get("x-kubernetes-preserve-unknown-fields"):
        found["additionalProperties"] = False
    # Go allows flags within an expression, Python only at its start.
    if isinstance(found.get("pattern"), str) and found["pattern"].startswith("^(?i)"):
        found["pattern"] = "(?i)^" + found["pattern"].removeprefix("^(?i)")
    if found.get("x-kubernetes-int-or-string"):
        found.pop("type", None)
    return found
