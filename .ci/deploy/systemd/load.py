"""Clients of a server that is restarted: some open a connection for each request, the others keep theirs.

    load.py HOST PORT CONNECTING KEEPING

runs until its standard input ends, and prints as JSON what the clients saw. A kept connection may be closed by a server that
stops: then the request is repeated once on a new connection, as every HTTP client does.
"""

import json
import socket
import sys
import threading
import time
from collections import Counter

TIMEOUT = 30.0


class Lost(Exception):
    """The connection ended before the answer."""


def connect(address) -> socket.socket:
    return socket.create_connection(address, timeout=TIMEOUT)


def ask(connection: socket.socket, close: bool) -> bool:
    """Sends a request, and returns whether the connection remains."""
    connection.sendall(b"GET /health HTTP/1.1\r\nHost: load\r\n" + (b"Connection: close\r\n" if close else b"") + b"\r\n")
    answer = b""
    while b"\r\n\r\n" not in answer:
        part = connection.recv(4096)
        if not part:
            raise Lost()
        answer += part
    head, body = answer.split(b"\r\n\r\n", 1)
    if not head.startswith(b"HTTP/1.1 200 "):
        raise Lost()
    fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(fields[b"content-length"]):
        part = connection.recv(4096)
        if not part:
            raise Lost()
        body += part
    return fields.get(b"connection") != b"close"


class Load:
    def __init__(self, address):
        self.address = address
        self.counts = Counter()
        self.slowest = 0.0
        self.lock = threading.Lock()
        self.ending = threading.Event()

    def note(self, began: float, **counts):
        with self.lock:
            self.counts.update(counts)
            self.slowest = max(self.slowest, time.monotonic() - began)

    def try_once(self, attempt) -> str | None:
        """Returns why the attempt failed."""
        try:
            attempt()
        except ConnectionRefusedError:
            return "refused"
        except ConnectionError:
            return "reset"
        except Lost:
            return "unanswered"
        except TimeoutError:
            return "timeouts"
        return None

    def connecting(self):
        def attempt():
            with connect(self.address) as connection:
                ask(connection, close=True)

        while not self.ending.is_set():
            began = time.monotonic()
            failed = self.try_once(attempt)
            self.note(began, **{"new": 1, **({f"new_{failed}": 1} if failed else {})})
            # As fast as it goes, a refusal would be counted thousands of times.
            time.sleep(0.002)

    def keeping(self):
        kept = None

        def attempt():
            nonlocal kept
            if kept is None:
                kept = connect(self.address)
            try:
                remains = ask(kept, close=False)
            except BaseException:
                kept.close()
                kept = None
                raise
            if not remains:
                kept.close()
                kept = None

        while not self.ending.is_set():
            began, was_kept = time.monotonic(), kept is not None
            failed, repeated = self.try_once(attempt), 0
            if failed and was_kept:
                failed, repeated = self.try_once(attempt), 1
            self.note(began, **{"kept": 1, "kept_repeated": repeated, **({f"kept_{failed}": 1} if failed else {})})
            time.sleep(0.002)

    def run(self, connecting: int, keeping: int):
        threads = [threading.Thread(target=self.connecting) for _ in range(connecting)]
        threads += [threading.Thread(target=self.keeping) for _ in range(keeping)]
        for thread in threads:
            thread.start()
        sys.stdin.read()
        self.ending.set()
        for thread in threads:
            thread.join()
        print(json.dumps({**self.counts, "slowest_s": round(self.slowest, 3)}))


if __name__ == "__main__":
    host, port, connecting, keeping = sys.argv[1:]
    Load((host, int(port))).run(int(connecting), int(keeping))
