"""A stand-in for PagerDuty: it takes events as the Events API v2 does, and appends each to a file as a line of JSON.

    pager.py PORT FILE
"""

import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

REQUIRED = ("routing_key", "event_action", "dedup_key")


class Events(BaseHTTPRequestHandler):
    def do_POST(self):
        event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        missing = [name for name in REQUIRED if not event.get(name)]
        if event.get("event_action") == "trigger":
            missing += [name for name in ("summary", "source", "severity") if not event.get("payload", {}).get(name)]
        accepted = self.path == "/v2/enqueue" and not missing
        self.send_response(202 if accepted else 400)
        self.end_headers()
        self.wfile.write(json.dumps({"status": "success" if accepted else "invalid event", "errors": missing}).encode())
        with open(sys.argv[2], "a") as file:
            file.write(json.dumps({**event, "accepted": accepted}) + "\n")

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", int(sys.argv[1])), Events).serve_forever()
