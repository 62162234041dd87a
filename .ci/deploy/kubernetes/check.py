"""Checks the Helm chart, the plain manifests and the manifests of a licensed product.

`check.py files` looks at the files alone. `check.py everything` renders the chart with Helm, and runs its pods, and those
of the product, in a stand-in for a node of Kubernetes (kubelet.py), with the real programs; then it follows the page with
a real API server and its controllers (cluster.py). It needs root, Go, OpenSSL, PostgreSQL and musl-tools.
"""

import json
import signal
import sys
import tempfile
from pathlib import Path

import yaml

import crds
import manifests
from helm import CHART, PLAIN, ROOT, Helm, build

CASES = sorted((CHART / "ci").glob("*.yaml"))
# What the chart refuses, with values on top of ci/postgresql.yaml, and the sentence that says what to do.
REFUSED = [
    (('publicUrl=""',), "publicUrl is not set: it is the https:// address"),
    (('publicUrl="http://licenses.example.com"',), "publicUrl is not set: it is the https:// address"),
    (('database="sqlite"',), "replicas is 2 with SQLite, which one pod alone can use: set replicas to 1, or database to postgresql"),
    (("networkPolicy.database=[]",), "networkPolicy.database is empty, so no pod could reach PostgreSQL"),
    (("ingress.enabled=true", 'ingress.host="a.example.com"'), "trustedProxies is empty with an ingress"),
    (("ingress.enabled=true", 'trustedProxies=["10.0.0.0/8"]'), "ingress.host is not set"),
    (('settings.database={"url":"postgres://a"}',), "settings has database.url, which is a secret"),
    (('settings.keys={"master":"a"}',), "settings has keys.master, which is a secret"),
    (('settings.server={"listen":"127.0.0.1:1"}',), "settings has server.listen, which the chart sets"),
    (('image.tag="latest"',), "tag"),
    (('secrets.masterKey.name=""',), "masterKey"),
    (("replicas=0",), "replicas"),
    (("replica=3",), "replica"),
    (('database="mysql"',), "database"),
]


def files():
    """Looks at the files alone."""
    for path in [PLAIN / "kaching.yaml", PLAIN / "product.yaml"]:
        objects = manifests.load(path.read_text())
        count = manifests.validate(objects, path.name)
        manifests.check(objects, path.read_text(), path.name)
        print(f"{path.name}: {count} objects are valid in Kubernetes {' and '.join(manifests.versions())}, and keep the rules")
    json.loads((CHART / "values.schema.json").read_text())
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    version = next(line.split('"')[1] for line in (ROOT / "Cargo.toml").read_text().splitlines() if line.startswith("version = "))
    if chart["version"] != version or chart["appVersion"] != version:
        raise SystemExit(f"Chart.yaml is of version {chart['appVersion']}, the programs of {version}")
    for case in CASES:
        yaml.safe_load(case.read_text())
    print(f"the chart is of version {version}")


def everything():
    files()
    helm = Helm(build())
    rendered = render(helm)
    refuse(helm)
    import authority
    import cluster
    import product

    authority.check(rendered, notes(helm))
    product.check()
    cluster.check(helm.program)


def render(helm: Helm) -> dict[str, list[dict]]:
    """Lints and renders the chart with the values of each case; returns the objects by the name of the case."""
    found = {}
    for case in [*CASES, PLAIN / "values.yaml"]:
        helm.lint(case)
        name = "licenses" if case.stem == "csi" else "kaching"
        text = helm.template(case, name=name)
        objects = manifests.load(text)
        count = manifests.validate(objects, case.name)
        manifests.check(objects, text, case.name)
        if foreign := crds.validate(objects):
            print(f"{case.name}: {' and '.join(foreign)} are valid by the schemas of the Prometheus operator {crds.VERSION}")
        kinds = sorted(one["kind"] for one in objects)
        print(f"{case.name}: linted, rendered, {count} objects valid: {' '.join(kinds)}")
        found[case.stem] = objects
    plain = manifests.load((PLAIN / "kaching.yaml").read_text())
    if manifests.dump(plain) != manifests.dump(found.pop("values")):
        raise SystemExit("deploy/kubernetes/kaching.yaml is not what the chart renders: run the command in deploy/kubernetes/values.yaml")
    print("kaching.yaml is what the chart renders")
    rules = next(one["spec"] for one in found["everything"] if one["kind"] == "PrometheusRule")
    if rules != yaml.safe_load((ROOT / "deploy/prometheus/kaching.rules.yml").read_text()):
        raise SystemExit("the PrometheusRule is not deploy/prometheus/kaching.rules.yml")
    print(f"the PrometheusRule has the {sum(len(group['rules']) for group in rules['groups'])} rules of deploy/prometheus/kaching.rules.yml")
    return found


def refuse(helm: Helm):
    for values, sentence in REFUSED:
        try:
            helm.template(CHART / "ci/postgresql.yaml", set=values)
        except SystemExit as refusal:
            if sentence not in str(refusal):
                raise SystemExit(f"{' '.join(values)} is refused with: {refusal}") from None
        else:
            raise SystemExit(f"{' '.join(values)} is not refused")
    closed = helm.template(CHART / "ci/postgresql.yaml", set=("networkPolicy.products=[]", "networkPolicy.operators=[]"))
    policy = next(one for one in manifests.load(closed) if one["kind"] == "NetworkPolicy")
    if policy["spec"]["ingress"] != []:
        raise SystemExit("a NetworkPolicy without sources is not closed")
    print(f"{len(REFUSED)} combinations are refused, each with its sentence; without sources, no one may call")


def notes(helm: Helm) -> dict[str, str]:
    """Renders NOTES.txt, which `helm template` does not show, by a copy of the chart that has it as a manifest."""
    import shutil

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "kaching"
        shutil.copytree(CHART, copy)
        text = (copy / "templates/NOTES.txt").read_text()
        (copy / "templates/_notes.tpl").write_text('{{- define "notes" }}' + text + "{{ end }}")
        (copy / "templates/notes.yaml").write_text('kind: Notes\nmetadata: {name: notes}\ntext: {{ include "notes" . | quote }}\n')
        found = {}
        for case in CASES:
            objects = manifests.load(helm.template(case, chart=copy))
            found[case.stem] = next(one["text"] for one in objects if one["kind"] == "Notes")
        return found


if __name__ == "__main__":
    # An early end ends its processes, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    match sys.argv[1:]:
        case ["files"]:
            files()
        case ["everything"]:
            everything()
        case _:
            sys.exit("check.py files | everything")
