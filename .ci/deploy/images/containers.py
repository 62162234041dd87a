"""Runs the image of the authority and that of a product, as tightly as Kubernetes would."""

import json
import os
import re
import signal
import time
import urllib.request
from pathlib import Path

from engine import TARGET, Engine
from rules import expect

USER = "65532"
# The network is this test's own, so the ports of the containers are those of the host.
TIGHT = ["--network", "host", "--read-only", "--read-only-tmpfs=false", "--cap-drop", "all",
         "--security-opt", "no-new-privileges", "--health-interval", "disable"]


def authority_and_product(engine: Engine):
    license = authority(engine)
    product(engine, license)
    stopping(engine, "chorus")
    stopping(engine, "kaching")


def kaching(engine: Engine, *arguments) -> str:
    return engine.podman("exec", "kaching", "kaching", *arguments)


def start(engine: Engine) -> float:
    engine.podman("run", "--detach", "--name", "kaching", *TIGHT, "--volume", "kaching:/data",
                  "--env", "KACHING_SERVER__PUBLIC_URL=http://127.0.0.1:7700", "kaching:full")
    return engine.healthy("kaching", 30)


def authority(engine: Engine) -> dict:
    """Starts the authority, checks what its process may do, and returns a license with its key."""
    seconds = start(engine)
    confined(engine, "kaching")
    print(f"   kaching is healthy {seconds:.1f} s after its first start: {kaching(engine, '--version').strip()}")
    kaching(engine, "seed")
    created = kaching(engine, "license", "create", "--customer", "CUST-001", "--product", "chorus", "--plan", "team", "--json")
    license = json.loads(created)
    # A process that hangs is not healthy.
    process = engine.state("kaching")["Pid"]
    os.kill(process, signal.SIGSTOP)
    began = time.monotonic()
    expect(not engine.health("kaching"), "the health check finds nothing wrong with a process that hangs")
    print(f"   the health check gives up on a process that hangs after {time.monotonic() - began:.1f} s")
    os.kill(process, signal.SIGCONT)
    engine.healthy("kaching", 10)
    stopping(engine, "kaching")
    engine.podman("start", "kaching")
    engine.healthy("kaching", 30)
    expect(license["id"] in kaching(engine, "license", "list", "--json"), "the license is gone after a restart")
    engine.podman("rm", "--force", "kaching")
    start(engine)
    expect(license["id"] in kaching(engine, "license", "list", "--json"), "the license is gone in a new container")
    print("   the volume keeps the license through a restart, and into a new container")
    return license


def confined(engine: Engine, name: str):
    """Checks the process itself, not what was asked of the engine."""
    process = Path("/proc") / str(engine.state(name)["Pid"])
    status = dict(line.split(":\t", 1) for line in (process / "status").read_text().splitlines() if ":\t" in line)
    expect(status["Uid"].split() == [USER] * 4 and status["Gid"].split() == [USER] * 4, f"{name} runs as {status['Uid']}")
    expect(int(status["CapEff"], 16) == 0 and int(status["CapBnd"], 16) == 0, f"{name} has {status['CapEff']}")
    expect(status["NoNewPrivs"] == "1", f"{name} can get new privileges")
    root = [line.split() for line in (process / "mountinfo").read_text().splitlines() if line.split()[4] == "/"][-1]
    expect("ro" in root[5].split(","), f"{name} has a root file system that can be written: {root}")
    writable = [line.split()[4] for line in (process / "mountinfo").read_text().splitlines() if "rw" in line.split()[5].split(",")]
    print(f"   {name}: user {USER}, no capabilities, no new privileges, read-only root; writable: {' '.join(sorted(writable))}")


def stopping(engine: Engine, name: str):
    began = time.monotonic()
    engine.podman("stop", "--time", "30", name)
    state = engine.state(name)
    expect(state["ExitCode"] == 0, f"{name} ended with {state['ExitCode']}:\n{engine.log(name)}")
    print(f"   SIGTERM ends {name} in order in {time.monotonic() - began:.1f} s, with exit code 0")


def product(engine: Engine, license: dict):
    """Sets the product up with a key in a file, and starts it twice without it."""
    secret = TARGET / "license-key"
    secret.unlink(missing_ok=True)
    secret.touch(0o600)
    secret.write_text(license["key"])
    os.chown(secret, int(USER), int(USER))
    root = re.search(r"kaching-root:\S+", kaching(engine, "key", "root"))[0]
    said = engine.podman(
        "run", "--rm", *TIGHT, "--volume", "chorus:/data", "--volume", f"{secret}:/run/secrets/license-key:ro",
        "--env", "CHORUS_LICENSE_KEY_FILE=/run/secrets/license-key",
        "chorus:full", "setup", "--authority", "http://127.0.0.1:7700", "--root", root, "--data", "/data", "--name", "eu-1")
    secret.unlink()
    print(f"   chorus setup: {said.strip()}")
    slot = None
    for turn in ("first", "second"):
        engine.podman("run", "--detach", "--name", "chorus", *TIGHT, "--volume", "chorus:/data", "chorus:full")
        seconds = engine.healthy("chorus", 20)
        with urllib.request.urlopen("http://127.0.0.1:8080/health", timeout=5) as answer:
            health = json.load(answer)
        expect(health["takes_jobs"] is True, f"the product does not work: {health}")
        slots = slots_of(engine, license)
        expect(len(slots) == 1 and slot in (None, slots[0]), f"the {turn} start has the slots {slots}, not {slot}")
        slot = slots[0]
        print(f"   {turn} start: healthy in {seconds:.1f} s, license {health['license']}, slot {slot}")
        if turn == "first":
            confined(engine, "chorus")
            hidden(engine, license["key"])
            stopping(engine, "chorus")
            engine.podman("rm", "chorus")


def slots_of(engine: Engine, license: dict) -> list[str]:
    found = kaching(engine, "activation", "list", "--license", license["id"], "--status", "active", "--json")
    return [activation["id"] for activation in json.loads(found)["items"]]


def hidden(engine: Engine, key: str):
    """Checks that the key is in no place that others see."""
    process = Path("/proc") / str(engine.state("chorus")["Pid"])
    places = {
        "the image": engine.buildah("inspect", "--type", "image", "chorus:full"),
        "its history": engine.podman("history", "--no-trunc", "--format", "json", "chorus:full"),
        "the container": engine.podman("inspect", "chorus"),
        "its log": engine.log("chorus"),
        "its arguments": (process / "cmdline").read_text(),
        "its environment": (process / "environ").read_text(),
    }
    for place, text in places.items():
        expect(key not in text and len(text) > 0, f"the license key is in {place}")
    print(f"   the license key is not in {', '.join(places)}")
