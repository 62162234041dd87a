"""Restarts under load: by socket activation no connection is refused."""

import json
import subprocess
import sys
import time
from pathlib import Path

from roots import Root

LOAD = Path(__file__).with_name("load.py")
CONNECTING, KEEPING = 32, 32
# How long each server serves, so that it stops at its work.
SERVING = 0.2
LOST = ("refused", "reset", "unanswered", "timeouts")


def under_load(root: Root, times: int, sockets: bool):
    if sockets:
        root.run("systemctl start kaching.socket kaching-admin.socket")
        # The first connection starts it.
        root.run("curl --silent --show-error --fail http://127.0.0.1:7700/health && systemctl is-active kaching")
        root.run("curl --silent --show-error --fail http://127.0.0.1:7701/metrics")
    else:
        root.run("systemctl start kaching")
    load = subprocess.Popen(
        ["nsenter", "--target", str(root.init), "--net", sys.executable, LOAD, "127.0.0.1", "7700", str(CONNECTING), str(KEEPING)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    began = time.monotonic()
    root.run(f"for i in $(seq {times}); do systemctl restart kaching && sleep {SERVING} || exit 1; done")
    each = (time.monotonic() - began) / times - SERVING
    out, _ = load.communicate()
    if load.returncode != 0:
        raise SystemExit(f"the load failed: {out}")
    seen = json.loads(out)
    lost = {f"{kind} {why}": seen.get(f"{kind}_{why}", 0) for kind in ("new", "kept") for why in LOST}
    said = ", ".join(f"{name} {count}" for name, count in lost.items() if count) or "none refused, reset or unanswered"
    way = "socket activation" if sockets else "its own sockets"
    print(
        f"{times} restarts by {way}, {each:.2f} s each: {seen['new']} new connections and {seen['kept']} requests on kept ones "
        f"({seen['kept_repeated']} repeated once): {said}; the slowest took {seen['slowest_s']} s",
        flush=True,
    )
    if seen["new"] < times or seen["kept"] < times:
        raise SystemExit("there was no load")
    if sockets and any(lost.values()):
        raise SystemExit("a restart by socket activation lost requests")
    if not sockets and not lost["new refused"]:
        raise SystemExit("without sockets nothing was refused: this comparison shows nothing")
