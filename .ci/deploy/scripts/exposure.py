"""Where a license key shows on a machine: the arguments and environments of processes, and files."""

import threading
from pathlib import Path

from machine import Wrong, holds
from roots import Root


class Watcher:
    """Reads the arguments and environment of every process on the machine, over and over, and records where a key shows."""

    def __init__(self, *keys: str):
        self.keys = [key.encode() for key in keys]
        self.seen: set[str] = set()
        self.rounds = self.processes = 0
        self.ends = threading.Event()
        self.thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Watcher":
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.thread.join()

    def _watch(self):
        while not self.ends.is_set():
            self.rounds += 1
            for process in Path("/proc").iterdir():
                if process.name.isdigit():
                    self.processes += 1
                    for kind in ("cmdline", "environ"):
                        self._read(process / kind, kind)

    def _read(self, path: Path, kind: str):
        try:
            text = path.read_bytes()
        except OSError:  # It has ended.
            return
        if any(key in text for key in self.keys):
            self.seen.add(kind)


def watcher_sees(root: Root):
    """Shows that the watcher finds a key where there is one."""
    with Watcher("DECOY-1", "DECOY-2") as watcher:
        root.run("DECOY=DECOY-2 timeout 20 sh -c ': DECOY-1; while [ ! -e /root/seen ]; do sleep 0.05; done' & sleep 1; touch /root/seen; wait; rm /root/seen")
    holds(watcher.seen == {"cmdline", "environ"}, f"the watcher saw only {watcher.seen}")


def traced(root: Root, trace: str, key: str) -> int:
    """Returns how many programs a traced command started; none of them was given the key."""
    calls = root.run(f"cat {trace}")
    count = calls.count("execve(")
    holds(count > 20 and "runuser" in calls, f"the trace has only {count} programs")
    if key in calls:
        raise Wrong("a program was started with the key in its arguments or environment")
    root.run(f"rm {trace}")
    return count


def files_with(root: Root, key: str) -> list[str]:
    """Returns the files of the machine that contain the key."""
    places = "/boot /etc /home /media /opt /root /run /srv /tmp /usr/local /var"
    found = root.run(f"grep --recursive --files-with-matches --text --devices=skip --fixed-strings --file=- {places}", input=key, check=False)
    return sorted(line for line in found.splitlines() if line.startswith("/"))
