"""A pager and a mail server that only listen: the events API of PagerDuty (version 2), and SMTP with STARTTLS and a password."""

import base64
import json
import socket
import ssl
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Pager:
    """Takes events on /v2/enqueue, as events.pagerduty.com does."""

    def __init__(self) -> None:
        self.events: list[dict] = []
        pager = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                right = self.path == "/v2/enqueue" and self.headers["Content-Type"].startswith("application/json")
                if right:
                    pager.events.append(json.loads(body))
                self.send_response(202 if right else 400)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/v2/enqueue"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()


class MailServer:
    """Takes mail from those who ask for TLS and know the password; each message is kept with its recipients."""

    def __init__(self, certificate: Path, key: Path, user: str, password: str) -> None:
        self.mail: list[tuple[list[str], EmailMessage]] = []
        self.refused: list[str] = []
        self.context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.context.load_cert_chain(certificate, key)
        self.secret = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self.socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(30)
        try:
            self._converse(connection)
        except OSError as error:
            self.refused.append(str(error))
        finally:
            connection.close()

    def _converse(self, connection: socket.socket) -> None:
        encrypted, proven, recipients = False, False, []
        lines = connection.makefile("rb")

        def say(line: str) -> None:
            connection.sendall(f"{line}\r\n".encode())

        say("220 mail")
        while line := lines.readline():
            word, _, rest = line.decode().strip().partition(" ")
            match word.upper():
                case "EHLO":
                    say("250-mail")
                    say("250 AUTH PLAIN" if encrypted else "250 STARTTLS")
                case "STARTTLS":
                    say("220 go on")
                    connection = self.context.wrap_socket(connection, server_side=True)
                    lines, encrypted = connection.makefile("rb"), True
                case "AUTH":
                    proven = encrypted and rest == f"PLAIN {self.secret}"
                    say("235 welcome" if proven else "535 no")
                case "MAIL" if proven:
                    recipients = []
                    say("250 ok")
                case "RCPT" if proven:
                    recipients.append(rest.partition("<")[2].partition(">")[0])
                    say("250 ok")
                case "DATA" if proven:
                    say("354 go on")
                    body = b""
                    while (text := lines.readline()) not in (b".\r\n", b""):
                        body += text.removeprefix(b".") if text.startswith(b"..") else text
                    self.mail.append((recipients, message_from_bytes(body, policy=policy.default)))
                    say("250 ok")
                case "QUIT":
                    say("221 bye")
                    return
                case _:
                    self.refused.append(word)
                    say("530 no")
