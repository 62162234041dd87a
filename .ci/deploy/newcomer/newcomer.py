"""A newcomer with a fresh Debian, a release and the pages: a shell of theirs runs the blocks, one after the other."""

import select
import subprocess
from pathlib import Path

from page import Block

HOME = "/home/newcomer"
# Seconds that a block may take.
LONGEST = 120


class Newcomer:
    """A user with sudo. Their shell stays the same from block to block, as do its variables and its directory."""

    def __init__(self, root):
        self.root = root
        self.count = 0
        root.run("useradd --create-home --shell /bin/bash newcomer")
        root.run("echo 'newcomer ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/newcomer")
        self.shell = root.start(f"cd {HOME} && exec runuser -u newcomer -- env HOME={HOME} USER=newcomer bash --norc", input="")

    def bring(self, source: Path, name: str, mode: int = 0o644):
        """Puts a file into their home, as a download does."""
        self.root.copy(source, f"{HOME}/{name}", mode)
        self.root.run(f"chown --recursive newcomer: {HOME}")

    def follow(self, block: Block) -> str:
        """Runs the commands of a block and returns what they printed; the first that fails ends the test."""
        self.count += 1
        name = f"/tmp/block-{self.count}"
        (self.root.path / name.lstrip("/")).parent.mkdir(exist_ok=True)
        self.root.run(f"cat > {name}", input=block.text)
        self.say(f"set -e; . {name} >{name}.out 2>{name}.err </dev/null; set +e; echo followed")
        if not select.select([self.shell.stdout], [], [], LONGEST)[0] or self.shell.stdout.readline() != "followed\n":
            printed = self.root.run(f"cat {name}.out {name}.err", check=False)
            log = self.root.run("journalctl --unit kaching --lines 15 --no-pager --output cat", check=False)
            raise SystemExit(f"{block} fails, or takes {LONGEST} s:\n{block.text}It printed:\n{printed}\nThe authority's log ends with:\n{log}")
        return self.root.run(f"cat {name}.out")

    def say(self, line: str):
        self.shell.stdin.write(f"{line}\n")
        self.shell.stdin.flush()

    def leave(self):
        self.shell.stdin.close()
        try:
            self.shell.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.shell.kill()
