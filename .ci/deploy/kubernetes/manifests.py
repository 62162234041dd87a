"""What must be true of every manifest: the schema of Kubernetes, and rules for what runs in a cluster of somebody else."""

import json
import re
from importlib import resources

import kubernetes_validate
import yaml

# Kinds that come with the Prometheus operator; Kubernetes has no schema for them.
FOREIGN = {"ServiceMonitor", "PrometheusRule"}
WORKLOADS = {"Deployment", "StatefulSet"}
SECRET = re.compile(r"kch_|CHORUS-[A-Z0-9]{4}|postgres(ql)?://[^\s:]+:[^\s@]+@|BEGIN [A-Z ]*PRIVATE KEY")


def versions() -> list[str]:
    """Returns the newest two versions of Kubernetes that kubernetes-validate knows, as 1.37."""
    folder = resources.files("kubernetes_validate") / "kubernetes-json-schema"
    known = {tuple(map(int, re.match(r"v(\d+)\.(\d+)", one.name).groups())) for one in folder.iterdir()}
    return [f"{major}.{minor}" for major, minor in sorted(known)[-2:]]


def load(text: str) -> list[dict]:
    return [one for one in yaml.safe_load_all(text) if one]


def validate(objects: list[dict], name: str) -> int:
    """Validates objects strictly at each version; returns how many were validated."""
    ours = [one for one in objects if one["kind"] not in FOREIGN]
    for version in versions():
        for one in ours:
            try:
                kubernetes_validate.validate(one, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                where = ".".join(map(str, error.path))
                raise SystemExit(f"{name}: {one['kind']} {one['metadata']['name']}, Kubernetes {version}: {where}: {error.message}") from None
    return len(ours)


def check(objects: list[dict], text: str, name: str):
    """Checks the rules; ends with a sentence if one is broken."""
    def must(holds, what: str):
        if not holds:
            raise SystemExit(f"{name}: {what}")

    must(not any(one["kind"] == "Secret" for one in objects), "a Secret is in a file")
    must(not SECRET.search(text), f"it contains a secret: {SECRET.search(text)}")
    policies = [one["spec"] for one in objects if one["kind"] == "NetworkPolicy"]
    services = [one for one in objects if one["kind"] == "Service"]
    workloads = [one for one in objects if one["kind"] in WORKLOADS]
    must(workloads, "it has no workload")
    for policy in policies:
        must({"Ingress", "Egress"} == set(policy["policyTypes"]), "a NetworkPolicy leaves a direction open")
        must(all(rule.get("from") for rule in policy.get("ingress", [])), "a NetworkPolicy admits everyone")
        must(all(rule.get("to") for rule in policy.get("egress", [])), "a NetworkPolicy allows all destinations")
    for workload in workloads:
        of = f"{name}: {workload['kind']} {workload['metadata']['name']}"
        check_pod(workload["spec"]["template"]["spec"], of)
        labels = workload["spec"]["template"]["metadata"]["labels"].items()
        must(all(pair in labels for pair in workload["spec"]["selector"]["matchLabels"].items()), f"{of} does not select its pods")
        must(any(p["podSelector"].get("matchLabels", {}).items() <= labels for p in policies) or not policies,
             f"no NetworkPolicy is for {of}")
        ports = {port["name"] for port in workload["spec"]["template"]["spec"]["containers"][0]["ports"]}
        mine = [s for s in services if s["spec"]["selector"].items() <= labels]
        must(mine, f"no Service leads to {of}")
        must(all(port["targetPort"] in ports for s in mine for port in s["spec"]["ports"]), f"a Service of {of} has no such port")
    for one in objects:
        if one["kind"] == "Ingress":
            backend = one["spec"]["rules"][0]["http"]["paths"][0]["backend"]["service"]
            service = next((s for s in services if s["metadata"]["name"] == backend["name"]), None)
            must(service and backend["port"]["name"] in {p["name"] for p in service["spec"]["ports"]}, "the Ingress leads nowhere")


def check_pod(spec: dict, name: str):
    """Checks a pod against the restricted Pod Security Standard, and what we ask for above that."""
    def must(holds, what: str):
        if not holds:
            raise SystemExit(f"{name}: {what}")

    security = spec.get("securityContext", {})
    must(security.get("runAsNonRoot") is True and security.get("runAsUser", 0) > 0, "it may run as root")
    must(security.get("seccompProfile", {}).get("type") == "RuntimeDefault", "it has no seccomp profile")
    must(spec.get("automountServiceAccountToken") is False, "it gets a token of the cluster")
    must(not any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC")), "it shares the host's namespaces")
    volumes = {volume["name"]: volume for volume in spec.get("volumes", [])}
    must(not any("hostPath" in volume for volume in volumes.values()), "it mounts a directory of the host")
    must("fsGroup" not in security or security.get("fsGroupChangePolicy") == "OnRootMismatch",
         "private files would be opened to the group at each start: set fsGroupChangePolicy to OnRootMismatch")
    for container in spec["containers"] + spec.get("initContainers", []):
        own = container.get("securityContext", {})
        must(own.get("allowPrivilegeEscalation") is False, "it may gain privileges")
        must(own.get("readOnlyRootFilesystem") is True, "its root file system can be written")
        must(own.get("capabilities", {}).get("drop") == ["ALL"], "it keeps capabilities")
        tag = container["image"].split("/")[-1].partition("@")[0].partition(":")[2]
        must(tag and tag != "latest", f"its image is not pinned: {container['image']}")
        resources_ = container.get("resources", {})
        must("memory" in resources_.get("limits", {}) and {"cpu", "memory"} <= set(resources_.get("requests", {})), "it has no resources")
        for variable in container.get("env", []):
            must("secretKeyRef" not in variable.get("valueFrom", {}), f"{variable['name']} is a secret in the environment")
        must(not any("secretRef" in one for one in container.get("envFrom", [])), "a Secret is in the environment")
        for mounted in container.get("volumeMounts", []):
            volume = volumes.get(mounted["name"], {})
            must(mounted.get("readOnly") or not {"secret", "projected", "csi"} & volume.keys(), f"{mounted['name']} is writable")
    for container in spec["containers"]:
        for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
            must(probe in container, f"it has no {probe}")
        must(container["livenessProbe"]["httpGet"]["path"] == "/health", "its liveness depends on more than the process")


def dump(objects: list[dict]) -> str:
    """Returns objects in a form in which two sets of manifests can be compared."""
    ordered = sorted(objects, key=lambda one: (one["kind"], one["metadata"]["name"]))
    return json.dumps(ordered, indent=1, sort_keys=True)
