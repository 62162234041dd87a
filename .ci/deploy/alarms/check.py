"""The alarms: rules for Prometheus, ways to people for Alertmanager, a dashboard for Grafana, and a runbook for each alert.

`check.py files` looks at the files. `check.py everything` runs them: real authorities under load, a real Prometheus and a
real Alertmanager, with a pager and a mail server that only listen. Grafana itself is not run.

It needs promtool and amtool, and for everything also prometheus, prometheus-alertmanager, openssl and PostgreSQL. The
authority is the binary that KACHING_BINARY names, else the one in the archive of DIST.
"""

import sys

import documents
import everything
import files
from shared import Wrong


def main() -> int:
    part = sys.argv[1] if len(sys.argv) == 2 else ""
    if part not in ("files", "everything"):
        print("say `files` or `everything`", file=sys.stderr)
        return 2
    try:
        files.check()
        documents.check()
        if part == "everything":
            everything.check()
    except Wrong as wrong:
        print(f"✗ {wrong}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
