"""The guides, followed by a newcomer: `check.py files` looks at the pages, `check.py everything` follows docs/deploy.md,
docs/activate.md and docs/upgrade.md in a fresh Debian with a real systemd, from the release's package to an alarm that reaches
a stand-in for the pager, an upgrade, and a move to PostgreSQL and back.

DIST is the directory of the release; CLUSTER_BINARY the example product, which is built if it is not set.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import page
from newcomer import HOME, Newcomer

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))
from roots import Root  # noqa: E402

REPOSITORY = Path(__file__).parents[3]
PAGES = ["deploy.md", "activate.md", "upgrade.md"]
SECTIONS = ["Overview", "Prerequisites", "Installation", "License activation", "Configuration", "Running", "Troubleshooting", "Support"]
# Debian's packages that the pages expect, as the root has no network to install them.
PACKAGES = ["minisign", "openssl", "postgresql", "prometheus", "prometheus-alertmanager", "sudo"]
PAGER = 8999
# The version of the package to which the newcomer upgrades.
LATER = "99.0.0-1"


def files():
    found = [fault for name in PAGES for fault in page.faults(name)]
    if found:
        raise SystemExit("\n".join(found))
    sections = list(dict.fromkeys(block.removeprefix("## ") for block in (page.DOCS / "deploy.md").read_text().splitlines() if block.startswith("## ")))
    if sections != SECTIONS:
        raise SystemExit(f"docs/deploy.md has the sections {sections}, not {SECTIONS}")
    for name in PAGES:
        blocks = page.read(name)
        run, left = (sum(block.kind == kind for block in blocks) for kind in ("sh", "console"))
        if not run:
            raise SystemExit(f"docs/{name} has no block that is run")
        print(f"docs/{name}: {run} blocks are run by the newcomer, {left} are not, each with its reason")


class Journey:
    """Follows the pages, and does at their marks what only a test does."""

    def __init__(self, root: Root, dist: Path, scratch: Path):
        self.root, self.dist, self.scratch = root, dist, scratch
        self.events = scratch / "events"
        self.events.touch()
        self.newcomer = Newcomer(root)
        self.marks = {
            "the pager": self.replace_pager,
            "the pager rings": self.pager_rings,
            "the new release": self.new_release,
        }

    def prepare(self):
        """What a newcomer has: the files of a release, the key that it is signed with, a name, and a product."""
        root, newcomer = self.root, self.newcomer
        for file in self.dist.iterdir():
            if file.suffix in (".deb", ".gz", ".json", ".rpm"):
                newcomer.bring(file, file.name)
        # The key of the release is not in it. This one signs the same checksums.
        root.run(f"cd {HOME} && sha256sum kaching[-_]* > SHA256SUMS && minisign -G -W -p release.pub -s /tmp/release.key && "
                 "minisign -S -s /tmp/release.key -m SHA256SUMS && rm /tmp/release.key && chown newcomer: *")
        root.run('echo "127.0.0.1 licenses.example.com $(uname -n)" >> /etc/hosts')
        newcomer.bring(cluster(), "cluster", 0o755)
        init = str(root.init)
        command = ["nsenter", "--target", init, "--net", sys.executable, Path(__file__).with_name("pager.py"), str(PAGER), self.events]
        self.pager = subprocess.Popen(command)

    def follow(self, name: str, since: str = "", until: str = ""):
        began, run, passed, printed, before = time.monotonic(), 0, not since, "", None
        for block in page.read(name):
            passed = passed or block.section == since
            if until and block.section == until:
                break
            if not passed:
                continue
            if block.kind == "mark":
                self.marks.pop(block.text)()
            elif block.kind == "sh":
                printed = self.newcomer.follow(self.filled(block))
                run += 1
            elif block.kind == "text" and printed != block.text:
                raise SystemExit(f"{block}: the commands before it print\n{printed}not\n{block.text}")
        part = f" from {since}" if since else f" up to {until}" if until else ""
        print(f"docs/{name}{part}: {run} blocks followed in {time.monotonic() - began:.0f} s", flush=True)

    def filled(self, block: page.Block) -> page.Block:
        """Replaces the one thing that a page cannot know: the root key of this authority."""
        if "kaching-root:…" in block.text:
            block.text = block.text.replace("kaching-root:…", self.root.run("kaching --data /var/lib/kaching key root").strip())
        return block

    # ── at the marks ────────────────────────────────────────────────────────────────────────────────────────────────

    def replace_pager(self):
        self.root.run(f"sed -i '/^global:/a\\  pagerduty_url: http://127.0.0.1:{PAGER}/v2/enqueue' /etc/prometheus/alertmanager.yml")

    def pager_rings(self):
        event, after = self.event("trigger")
        expected = {"routing_key": "0123456789abcdef0123456789abcdef", "accepted": True}
        if any(event.get(key) != value for key, value in expected.items()):
            raise SystemExit(f"the pager got an event that it does not accept: {event}")
        if "does not answer" not in event["payload"]["summary"] + json.dumps(event["payload"]):
            raise SystemExit(f"the page does not say what is wrong: {event}")
        self.page = event["dedup_key"]
        print(f"the authority was stopped, and the pager rang after {after:.0f} s: {event['payload']['summary']}", flush=True)

    def page_resolves(self):
        event, after = self.event("resolve")
        if event["dedup_key"] != self.page:
            raise SystemExit(f"another page resolved than the one that rang: {event}")
        print(f"the page resolved; the test waited for it for {after:.0f} s", flush=True)

    def event(self, action: str) -> tuple[dict, float]:
        began = time.monotonic()
        while time.monotonic() - began < 600:
            events = [json.loads(line) for line in self.events.read_text().splitlines()]
            for event in events:
                if event["event_action"] == action:
                    return event, time.monotonic() - began
            time.sleep(0.5)
        log = self.root.run("journalctl --unit prometheus-alertmanager --lines 10 --no-pager --output cat", check=False)
        alerts = self.root.run("curl --silent http://127.0.0.1:9090/api/v1/alerts; curl --silent http://127.0.0.1:9090/api/v1/targets", check=False)
        raise SystemExit(f"the pager got no event to {action} within 600 s.\nPrometheus: {alerts}\nAlertmanager's log ends with:\n{log}")

    def new_release(self):
        """The same package with a later version, in a directory of its own."""
        package = next(self.dist.glob("kaching_*_amd64.deb"))
        unpacked = self.scratch / "package"
        subprocess.run(["dpkg-deb", "--raw-extract", package, unpacked], check=True)
        control = unpacked / "DEBIAN/control"
        lines = [f"Version: {LATER}" if line.startswith("Version: ") else line for line in control.read_text().splitlines()]
        control.write_text("\n".join(lines) + "\n")
        later = self.scratch / f"kaching_{LATER}_amd64.deb"
        subprocess.run(["dpkg-deb", "-Zgzip", "-z1", "--build", "--root-owner-group", unpacked, later], check=True, stdout=subprocess.DEVNULL)
        self.root.run(f"install -d -o newcomer {HOME}/new")
        self.newcomer.bring(later, f"new/{later.name}")
        self.newcomer.say("cd ~/new")


def cluster() -> Path:
    if given := os.environ.get("CLUSTER_BINARY"):
        return Path(given)
    target = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")).resolve()
    triple = "x86_64-unknown-linux-musl"
    command = ["cargo", "build", "--quiet", "--locked", "--release", "--target", triple, "--package", "kaching-example-cluster"]
    subprocess.run(command, cwd=REPOSITORY, check=True)
    return target / triple / "release/kaching-example-cluster"


def everything():
    dist = os.environ.get("DIST") or sys.exit("DIST is not set: it names the directory of a release, as deploy/release makes it")
    with tempfile.TemporaryDirectory() as scratch, Root(PACKAGES, boot=True) as root:
        journey = Journey(root, Path(dist), Path(scratch))
        journey.prepare()
        try:
            journey.follow("deploy.md", until="Configuration")
            journey.follow("activate.md")
            journey.follow("deploy.md", since="Configuration")
            journey.follow("upgrade.md")
            journey.page_resolves()
        finally:
            journey.pager.kill()
            journey.newcomer.leave()
        if journey.marks:
            raise SystemExit(f"the pages have no place for: {', '.join(journey.marks)}")


if __name__ == "__main__":
    if sys.argv[1:] not in (["files"], ["everything"]):
        sys.exit("check.py files|everything")
    files() if sys.argv[1] == "files" else everything()
