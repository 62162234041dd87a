"""The cases of kaching_client.py: the vectors through its own verifier, and its life with a real authority.

Usage: test_client.py PATH-TO-KACHING. Starts an authority of its own on a temporary data directory.
docs/protocol.md names these cases in its last table.
"""

import hashlib
import http.server
import json
import os
import pathlib
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

import kaching_client
from kaching_client import Client, Invalid, Keyset, Unanswered, encode, sign, verify, verify_pushed

VECTORS = pathlib.Path(__file__).parents[2] / "testdata" / "vectors"
AUTHORITY = None


class Authority:
    """A real one, with a product and its plans."""

    def __init__(self, kaching: str):
        self.kaching, self.folder = kaching, tempfile.TemporaryDirectory(prefix="kaching-python-")
        self.data, self.customers = os.path.join(self.folder.name, "data"), 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            listen = f"127.0.0.1:{probe.getsockname()[1]}"
        self.url, self.log = f"http://{listen}", open(os.path.join(self.folder.name, "log"), "w+")
        command = [kaching, "serve", "--data", self.data, "--listen", listen]
        self.server = subprocess.Popen(command, stdout=self.log, stderr=self.log)
        self.wait()
        self.run("product", "create", "--code", "chorus", "--name", "CHORUS")
        self.run("feature", "create", "--product", "chorus", "--code", "federation", "--title", "F", "--benefit", "B")
        plan = ["plan", "create", "--product", "chorus", "--name", "Plan", "--days", "30", "--feature", "federation"]
        self.run(*plan, "--code", "team", "--rank", "1", "--limit", "activations=1", "--limit", "nodes=3")
        self.run(*plan, "--code", "kept", "--rank", "2", "--on-refusal", "degrade", "--keep", "federation")
        self.root = subprocess.run(
            [kaching, "key", "root", "--data", self.data], capture_output=True, text=True, check=True
        ).stdout.strip()

    def wait(self) -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end and self.server.poll() is None:
            try:
                return urllib.request.urlopen(self.url + "/health", timeout=1).close()
            except OSError:
                time.sleep(0.05)
        self.log.seek(0)
        raise SystemExit(f"the authority does not answer at {self.url}:\n{self.log.read()}")

    def run(self, *words: str) -> dict:
        command = [self.kaching, *words, "--json", "--data", self.data]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"kaching {' '.join(words)}: {done.stderr}")
        return json.loads(done.stdout) if done.stdout.strip() else {}

    def license(self, *words: str, plan: str = "team") -> dict:
        self.customers += 1
        reference = f"PY-{self.customers}"
        self.run("customer", "create", "--name", "Python", "--reference", reference)
        return self.run("license", "create", "--customer", reference, "--product", "chorus", "--plan", plan, *words)

    def stop(self) -> None:
        self.server.terminate()
        self.server.wait(20)
        self.log.close()
        self.folder.cleanup()


def outcome(check) -> str:
    try:
        check()
    except Invalid as invalid:
        return str(invalid)
    return "valid"


def read(name: str) -> dict:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


class Vectors(unittest.TestCase):
    """The formats. The client knows EdDSA alone, so it passes over what is signed by RS256."""

    def agrees(self, case: dict, check) -> None:
        if case.get("needs") != "RS256":
            with self.subTest(case["name"]):
                self.assertEqual(outcome(check), case["outcome"])

    def test_every_statement_has_its_outcome(self):
        file = read("statements.json")
        keyset = Keyset(file["keyset"], [file["root"]])
        for case in file["cases"]:
            moment = case["moment"]
            moment = moment if type(moment) is dict else {"answer": True} if moment == "answer" else {}
            typ = case["typ"].removesuffix("+jwt")
            self.agrees(case, lambda: verify(case["text"], typ, keyset, case["expected"], **moment))

    def test_every_keyset_has_its_outcome(self):
        file = read("keysets.json")
        for case in file["cases"]:
            now = case["moment"].get("now")
            self.agrees(case, lambda: Keyset(case["text"], file["roots"], case["held"] or 0, now))

    def test_every_pushed_refusal_has_its_outcome(self):
        file = read("pushed.json")
        keyset = Keyset(file["keyset"], [file["root"]])
        lease = verify(file["lease"], "lease", keyset, {})
        for case in file["cases"]:
            self.agrees(case, lambda: verify_pushed(case["text"], keyset, lease, case["now"]))

    def test_every_request_has_its_hash_and_mac(self):
        for case in read("credential.json")["cases"]:
            made = sign(case["credential"], case["number"], case["method"], case["path"], case["body"].encode())
            self.assertEqual(made, (case["req"], case["authorization"]))

    def test_the_example_of_the_page_is_the_first_case(self):
        page = (VECTORS.parents[1] / "docs" / "protocol.md").read_text(encoding="utf-8")
        case = read("credential.json")["cases"][0]
        identity, _, secret = case["credential"].rpartition(".")
        hashed = "\n".join((case["method"], case["path"], f"{identity}.{case['number']}", case["body"])).encode()
        lines = [hashed[at : at + 16].hex(" ") for at in range(0, len(hashed), 16)]
        values = [case["credential"], case["body"], case["req"], case["authorization"].rpartition(".")[2], f"({len(hashed)} bytes)"]
        binary = [hashlib.sha256(hashed).digest(), kaching_client.decode(secret)]
        binary.append(kaching_client.decode(values[3]))
        for text in values + lines + [data.hex() for data in binary]:
            self.assertIn(text, page)

    def test_the_fingerprint_of_a_domain_is_the_hash_of_its_canonical_form(self):
        for case in read("domains.json")["cases"]:
            if case["canonical"] is not None:
                self.assertEqual(encode(hashlib.sha256(case["canonical"].encode()).digest()), case["fpr"])


class Answer:
    """An answer that a test makes up."""

    def __init__(self, status: int, members: dict, headers: dict = {}):
        self.status, self.headers, self.body = status, headers, json.dumps(members).encode()

    def read(self, most: int) -> bytes:
        return self.body[:most]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


class Installation(Client):
    """A client whose clocks and whose network are the test's: no time passes but what a test says."""

    def __init__(self, *args, **named):
        self.passed = self.wrong = 0  # seconds of both clocks, and of the clock of the day alone
        boot, wall = time.clock_gettime(time.CLOCK_BOOTTIME), time.time()
        self.sent, self.faults, self.opener = [], [], self
        self.boot = lambda: boot + self.passed
        self.wall = lambda: wall + self.passed + self.wrong
        super().__init__(*args, **named)

    def open(self, request, timeout):
        path, body = request.selector, json.loads(request.data) if request.data else None
        self.sent.append((request.get_method(), path, body, request.get_header("Authorization")))
        fault = self.faults.pop(0) if self.faults else None
        if fault == "unreachable":
            raise OSError("unreachable")
        if type(fault) is tuple:
            return Answer(*fault)
        answer = Client.opener.open(request, timeout=timeout)
        if fault == "lost":
            answer.close()
            raise OSError("its answer was lost")
        return Answer(*fault(answer)) if fault else answer

    def heartbeats(self) -> list:
        """Number and nonce of each heartbeat that was sent."""
        found = [(header, body) for _, path, body, header in self.sent if path == "/v1/heartbeat"]
        return [(int(header.split(".")[2]), body["nonce"]) for header, body in found]


class Life(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def installed(self, made: dict, name: str = "one", **named) -> Installation:
        path = os.path.join(self.folder, name)
        identity = (made["key"], f"fingerprint {made['id']} {name}", "cluster", path)
        return Installation(AUTHORITY.url, [AUTHORITY.root], "chorus", *identity, **named)

    def running(self, *words: str, plan: str = "team", name: str = "one") -> tuple:
        made = AUTHORITY.license(*words, plan=plan)
        client = self.installed(made, name)
        self.assertEqual(client.step(), "active", client.trouble)
        return made, client

    def beats(self, client, **ask) -> str:
        """The state after the heartbeat that is due now."""
        client.due = 0
        return client.step(**ask)

    def stored(self, client) -> dict:
        return json.loads(pathlib.Path(client.path).read_text())

    # ── calls ──

    def test_only_loopback_is_asked_without_encryption(self):
        for url in ("http://licenses.example.com", "http://127.0.0.1.example.com", "ftp://localhost", "licenses"):
            self.assertRaises(Invalid, Client, url, [], "chorus", "", "f", "device", "/nowhere")
        for url in ("https://licenses.example.com", "http://127.0.0.1:7700", "http://localhost", "http://[::1]:1"):
            Client(url, [], "chorus", "", "f", "device", "/nowhere")

    def test_redirects_and_long_answers_are_no_answers(self):
        class Answers(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append(self.path)
                self.send_response(302 if self.path == "/moved" else 200)
                self.send_header("Location", "/elsewhere")
                self.end_headers()
                self.wfile.write(b'{"x": "' + b"x" * (300_000 if self.path == "/long" else 10) + b'"}')

            def log_message(self, *_):
                pass

        asked, server = [], http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        client = Client(f"http://127.0.0.1:{server.server_port}", [], "chorus", "", "f", "device", "/nowhere")
        self.assertEqual(client.send("GET", "/moved")[1], 302)
        self.assertEqual(asked, ["/moved"])
        self.assertRaises(Unanswered, client.send, "GET", "/long")
        self.assertEqual(client.send("GET", "/short")[1], 200)

    def test_only_what_is_signed_counts(self):
        _, client = self.running()
        before = self.stored(client)
        unsigned = [
            (403, {"code": "license_suspended", "detail": "x"}),
            (403, {"code": "license_suspended", "statement": "a.b.c"}),
            (404, {"code": "license_not_found"}),
            (200, {}),
            (200, {"lease": "x"}),
            (500, {"code": "failure"}),
            (429, {"code": "rate_limited"}),
            (418, {"code": "a_code_of_tomorrow"}),
        ]
        for answer in unsigned:
            client.faults = [answer]
            self.assertEqual(self.beats(client), "offline", answer)
            self.assertTrue(client.allows("federation"))
        after = self.stored(client)
        self.assertEqual([before[k] for k in ("number", "nonce", "stop")], [after[k] for k in ("number", "nonce", "stop")])
        self.assertEqual(set(client.heartbeats()), {(1, before["nonce"])}, "each of them repeats the first one")
        self.assertEqual(self.beats(client), "active")

    def test_unsigned_members_beside_a_signed_statement_change_nothing(self):
        made, client = self.running()
        AUTHORITY.run("license", "suspend", made["id"], "--reason", "unpaid")
        lease, credential = client.disk["lease"], client.disk["credential"]
        more = {"lease": lease, "credential": credential[:-3] + "AAA"}
        client.faults = [lambda answer: (answer.status, json.load(answer) | more)]
        self.assertEqual(self.beats(client), "refused")
        self.assertEqual(client.disk["credential"], credential)
        AUTHORITY.run("license", "reinstate", made["id"])
        client.faults = [lambda answer: (answer.status, json.load(answer) | {"credential": more["credential"]})]
        self.assertEqual(self.beats(client), "active")
        self.assertEqual(client.disk["credential"], credential)

    def test_nonsense_is_no_answer(self):
        _, client = self.running()
        client.keyset = None
        for members in ({"keysets": 5}, {"keysets": [5]}, {"keysets": "x"}, {}, [], 7):
            client.faults = [(200, members)]
            self.assertEqual(self.beats(client), "offline")
        self.assertEqual(self.beats(client), "active")
        for event in ({}, {"rev": "x"}, {"rev": 1, "epoch": 1, "within_ms": "soon"}, {"rev": 1, "epoch": 1, "refusal": 5}):
            client.faults, client.trouble = [(200, event)], None
            client.due = client.boot() + 10
            self.assertIn(client.step(5), ("active", "offline"))

    def test_failures_wait_longer_and_as_long_as_they_are_told(self):
        _, client = self.running()
        bounds = []
        for failures in range(10):
            client.faults, client.retry_after = ["unreachable"], 0
            self.beats(client)
            wait = client.due - client.boot()
            self.assertTrue(0.99 <= wait <= min(2 ** (failures + 1), 300) + 0.01, (failures, wait))
            bounds.append(wait)
        self.assertGreater(len({round(wait, 3) for wait in bounds}), 8, "they are random")

        client.faults = [(429, {"code": "rate_limited"}, {"Retry-After": "120"})]
        self.beats(client)
        self.assertGreaterEqual(client.due - client.boot(), 119)

    def test_members_of_an_answer_that_are_not_known_are_ignored(self):
        _, client = self.running()
        client.faults = [lambda answer: (answer.status, dict(json.load(answer), later={"x": [1]}))]
        self.assertEqual(self.beats(client), "active")

    def test_nonces_have_their_form_and_each_request_has_its_own(self):
        _, client = self.running()
        for _ in range(3):
            self.beats(client)
        nonces = [body["nonce"] for _, path, body, _ in client.sent if body]
        self.assertEqual(len(set(nonces)), 4)
        for nonce in nonces:
            self.assertRegex(nonce, "^[A-Za-z0-9_-]{16,64}$")

    def test_the_secret_is_sent_nowhere(self):
        _, client = self.running()
        self.beats(client)
        secret = self.stored(client)["credential"].split(".")[2]
        client.deactivate()
        self.assertNotIn(secret, json.dumps(client.sent))

    # ── the keyset ──

    def test_another_root_is_not_trusted(self):
        made = AUTHORITY.license()
        other = read("statements.json")["root"]
        client = self.installed(made)
        client.roots = [other]
        self.assertEqual(client.step(), "unknown")
        self.assertEqual(client.trouble, "it has no keyset of a pinned root")
        self.assertEqual([path for _, path, _, _ in client.sent], ["/.well-known/kaching"], "it activates nothing")
        client.roots = [other, AUTHORITY.root]
        client.due = 0
        self.assertEqual(client.step(), "active", "one pinned root of several is enough")

    def test_new_keys_are_fetched_and_noticed_by_nobody(self):
        _, client = self.running()
        held = client.keyset.claims["version"]
        AUTHORITY.run("key", "rotate", "--purpose", "lease")
        self.assertEqual(self.beats(client), "active", "its lease names the newer keyset")
        self.assertGreater(client.keyset.claims["version"], held)

        client.keyset.keys.clear()  # as if it had been held since before the key was made
        client.fetched = client.boot()
        self.assertEqual(self.beats(client), "offline", "the keyset is fetched once a minute")
        client.passed += 61
        self.assertEqual(self.beats(client), "active")

    def test_a_lease_that_names_a_keyset_which_does_not_come_permits_nothing_new(self):
        _, client = self.running()
        AUTHORITY.run("key", "rotate", "--purpose", "lease")
        number = self.stored(client)["number"]
        client.faults = [None, (503, {"code": "overloaded"})]
        self.assertEqual(self.beats(client), "offline")
        self.assertEqual(self.stored(client)["number"], number)
        self.assertEqual(self.beats(client), "active")

    def test_an_ended_keyset_is_refused_by_trusted_time_alone(self):
        made = AUTHORITY.license()
        client = self.installed(made)
        client.wrong = 40 * 86400
        self.assertEqual(client.step(), "active", "before any contact the clock may be wrong")
        client.passed += 31 * 86400
        self.assertRaises(Unanswered, client.fetch_keyset)

    # ── activation ──

    def test_a_lost_activation_is_repeated_with_its_nonce_and_gets_the_same_credential(self):
        made = AUTHORITY.license()
        client = self.installed(made)
        client.faults = [None, "lost"]
        self.assertEqual(client.step(), "unknown", "without an answer it does not run")
        nonce = self.stored(client)["activating"]
        again = self.installed(made)  # after a crash
        self.assertEqual(again.step(), "active")
        self.assertEqual([body["nonce"] for _, path, body, _ in client.sent + again.sent if body], [nonce, nonce])
        self.assertEqual(again.disk["credential"].split(".")[1], "1")

    def test_an_activation_leaves_everything_on_disk_before_it_is_used(self):
        _, client = self.running()
        disk = self.stored(client)
        self.assertEqual(disk["number"], 1)
        self.assertTrue(disk["credential"] and disk["lease"] and disk["keyset"] and disk["nonce"])
        self.assertIsNone(disk["activating"])
        self.assertEqual(stat.S_IMODE(os.stat(client.path).st_mode), 0o600)

    def test_a_refused_activation_does_not_run_and_waits_a_minute(self):
        made, _ = self.running()
        second = self.installed(made, "two")
        self.assertEqual(second.step(), "unknown")
        self.assertFalse(second.allows("federation"))
        self.assertGreater(second.due - second.boot(), 59)

    def test_an_activation_whose_credential_another_has_gets_a_new_nonce(self):
        made = AUTHORITY.license()
        client = self.installed(made)
        client.faults = [None, "lost"]
        client.step()
        nonce = self.stored(client)["activating"]
        other = self.installed(made)
        other.step()
        self.beats(other)  # the credential is in use
        client.due = 0
        client.step()
        self.assertEqual(client.trouble, "credential_invalid")
        client.due = 0
        self.assertEqual(client.step(), "active")
        self.assertNotEqual(client.sent[-1][2]["nonce"], nonce)

    def test_a_takeover_moves_the_slot_here(self):
        made, first = self.running()
        second = self.installed(made, "two", takeover=first.lease["act"])
        self.assertEqual(second.step(), "active")

    # ── heartbeats ──

    def test_heartbeats_are_numbered_and_each_is_on_disk_before_it_is_sent(self):
        _, client = self.running()
        for number in range(1, 4):
            disk = self.stored(client)
            self.assertEqual(self.beats(client), "active")
            self.assertEqual(client.heartbeats()[-1], (number, disk["nonce"]))
            self.assertEqual(disk["number"], number)
        self.assertEqual(self.stored(client)["lease"], client.disk["lease"])

    def test_a_restart_goes_on_with_the_same_credential(self):
        made, client = self.running()
        self.beats(client)
        again = self.installed(made)
        self.assertTrue(again.allows("federation"), "its lease is verified from disk")
        self.assertEqual(again.step(), "active")
        self.assertEqual([path for _, path, _, _ in again.sent], ["/.well-known/kaching", "/v1/heartbeat"])
        self.assertEqual(again.heartbeats()[0][0], 2)

    def test_a_heartbeat_is_repeated_until_it_is_answered_also_after_a_restart(self):
        made, client = self.running()
        client.faults = ["lost", "unreachable"]
        self.assertEqual([self.beats(client), self.beats(client)], ["offline", "offline"])
        again = self.installed(made)
        self.assertEqual(self.beats(again), "active")
        self.assertEqual(len(set(client.heartbeats() + again.heartbeats())), 1)
        self.assertEqual(self.stored(again)["number"], 2)

    def test_a_restored_state_repeats_itself_and_is_no_second_holder(self):
        made, client = self.running()
        old = pathlib.Path(client.path).read_bytes()
        self.beats(client)
        pathlib.Path(client.path).write_bytes(old)
        again = self.installed(made)
        self.assertEqual(self.beats(again), "active")
        self.assertEqual(again.heartbeats(), client.heartbeats(), "the same number with the same nonce")

    def test_a_number_that_cannot_be_written_is_not_sent(self):
        _, client = self.running()
        first = (1, self.stored(client)["nonce"])
        os.mkdir(client.path + ".new")
        self.assertEqual([self.beats(client), self.beats(client)], ["active", "active"])
        self.assertEqual(client.heartbeats(), [first, first])
        os.rmdir(client.path + ".new")
        self.beats(client)
        self.beats(client)
        self.assertEqual(client.heartbeats()[-1][0], 2)

    def test_a_credential_that_cannot_be_written_is_used_all_the_same(self):
        client = self.installed(AUTHORITY.license())
        os.mkdir(client.path + ".new")
        self.assertEqual([client.step(), self.beats(client), self.beats(client)], ["active", "active", "active"])
        self.assertEqual({number for number, _ in client.heartbeats()}, {1})

    def test_an_answer_without_a_credential_activates_nothing(self):
        client = self.installed(AUTHORITY.license())
        client.faults = [None, lambda answer: (answer.status, json.load(answer) | {"credential": None})]
        self.assertEqual(client.step(), "unknown")
        self.assertEqual(self.beats(client), "active")

    def test_the_next_heartbeat_comes_at_a_random_moment_before_half_the_lease(self):
        _, client = self.running()
        waits = set()
        for _ in range(8):
            client.passed += 5
            self.beats(client)
            waits.add(client.due - client.boot())
        hb, half = client.lease["hb"], (client.lease["exp"] - client.lease["iat"]) / 2
        self.assertTrue(all(0.79 * hb <= wait <= min(1.2 * hb, half) for wait in waits), waits)
        self.assertGreater(max(waits) - min(waits), hb / 100)

    def test_an_older_lease_does_not_count(self):
        _, client = self.running()
        client.disk["rev"] += 1
        lease = client.disk["lease"]
        self.beats(client)
        self.assertEqual(client.disk["lease"], lease)
        self.assertEqual(self.stored(client)["number"], 2, "its number is answered all the same")
        self.assertEqual(client.disk["rev"], client.lease["rev"] + 1)

    def test_a_displaced_credential_activates_again_and_stops_nothing(self):
        made, client = self.running()
        other = self.installed(made)
        other.disk, other.activates = dict(kaching_client.EMPTY), True
        other.path += "-elsewhere"
        self.assertEqual(other.step(), "active", "the same fingerprint with another state")
        self.assertEqual(self.beats(client), "offline")
        self.assertEqual(client.trouble, "credential_invalid")
        self.assertTrue(client.allows("federation"))
        self.assertEqual(self.beats(client), "active")
        self.assertEqual(client.sent[-1][1], "/v1/activate")
        self.assertEqual(client.disk["number"], 1)

    def test_deactivating_erases_the_lease_before_it_is_sent(self):
        made, client = self.running()
        client.faults = ["unreachable"]
        self.assertRaises(Unanswered, client.deactivate)
        self.assertIsNone(self.stored(client)["lease"])
        self.assertIsNotNone(self.stored(client)["credential"])
        self.assertFalse(client.allows("federation"))
        client.deactivate()
        self.assertEqual(client.sent[-1][3].split(".")[2], "0")
        self.assertIsNone(self.stored(client)["credential"])
        self.assertEqual(self.installed(made, "two").step(), "active", "the slot is free")

    # ── refusals ──

    def test_a_suspension_stops_is_on_disk_and_ends_with_the_reinstatement(self):
        made, client = self.running()
        AUTHORITY.run("license", "suspend", made["id"], "--reason", "unpaid")
        self.assertEqual(self.beats(client), "refused")
        self.assertEqual(client.stopped(), "license_suspended")
        self.assertFalse(client.allows("federation"))
        again = self.installed(made)
        again.faults = ["unreachable"] * 9
        self.assertEqual(again.step(), "refused", "without network, after a restart")
        self.assertTrue(29 <= client.due - client.boot() <= 60.1)
        AUTHORITY.run("license", "reinstate", made["id"])
        self.assertEqual(self.beats(client), "active")
        self.assertIsNone(self.stored(client)["stop"])

    def test_no_statement_from_before_a_stop_counts_after_it(self):
        made, client = self.running()
        lease, claims = client.disk["lease"], client.lease
        AUTHORITY.run("license", "suspend", made["id"], "--reason", "unpaid")
        self.beats(client)
        client.take(claims, lease)
        self.assertEqual(client.state(), "refused")

    def test_a_released_activation_comes_back_only_with_the_next_start(self):
        made, client = self.running()
        AUTHORITY.run("activation", "release", client.lease["act"])
        self.assertEqual([self.beats(client), self.beats(client)], ["refused", "refused"])
        self.assertEqual(client.stopped(), "activation_released")
        self.assertEqual({path for _, path, _, _ in client.sent[-2:]}, {"/v1/heartbeat"})
        self.assertEqual(self.installed(made).step(), "active")

    def test_a_slot_that_others_have_stops_it(self):
        made, client = self.running()
        other = self.installed(made, "two", takeover=client.lease["act"])
        other.step()
        client.displaced = client.activates = True  # as after credential_invalid
        client.disk["credential"] = client.disk["credential"].replace(".1.", ".9.")
        client.about["fingerprint"] = "another that has no slot"
        self.assertEqual(self.beats(client), "refused")
        self.assertEqual(self.stored(client)["stop"]["code"], "activation_limit_reached")
        self.assertTrue(client.activates, "it goes on asking")

    def test_a_signed_code_that_is_not_known_stops_and_one_that_denies_one_thing_does_not(self):
        _, client = self.running()
        refusal = dict(client.lease, detail="x", code="a_code_of_tomorrow")
        for code, state in (("feature_not_licensed", "active"), ("a_code_of_tomorrow", "refused")):
            client.take(dict(refusal, code=code))
            self.assertEqual(client.state(), state)

    # ── changes ──

    def test_a_suspension_arrives_while_it_waits_for_changes(self):
        made, client = self.running()
        thread = threading.Timer(0.3, AUTHORITY.run, ("license", "suspend", made["id"], "--reason", "unpaid"))
        thread.start()
        began = time.monotonic()
        self.assertEqual(client.step(20), "refused")
        self.assertLess(time.monotonic() - began, 10)
        thread.join()
        self.assertEqual(client.sent[-1][1].split("?")[0], "/v1/changes")
        self.assertEqual(self.stored(client)["stop"]["code"], "license_suspended")

    def test_a_hint_brings_a_heartbeat_at_a_random_moment_and_nothing_else(self):
        _, client = self.running()
        rev = client.lease["rev"]
        client.faults = [(200, {"rev": rev + 7, "epoch": 1, "within_ms": 900_000_000})]
        self.assertEqual(client.step(5), "active")
        self.assertLessEqual(client.due - client.boot(), 60)
        self.assertEqual((client.disk["rev"], client.lease["rev"]), (rev, rev))
        self.beats(client)
        self.assertEqual(client.disk["rev"], rev)
        client.faults = [(200, {"rev": rev, "epoch": 1, "refusal": "a.b.c"})]
        self.assertEqual(client.step(5), "active")

    def test_an_upgrade_arrives_without_a_restart(self):
        made, client = self.running()
        self.assertNotIn("kept", client.lease["plan"])
        AUTHORITY.run("license", "upgrade", made["id"], "--plan", "kept")
        client.step(5)
        self.assertLess(client.due - client.boot(), 60, "it heard of the upgrade")
        self.assertEqual(self.beats(client), "active")
        self.assertEqual(client.lease["plan"], "kept")

    # ── time and states ──

    def test_the_clock_of_the_day_has_no_say_after_contact(self):
        _, client = self.running()
        now = client.now()
        for wrong in (-10**8, 10**8):
            client.wrong = wrong
            self.assertAlmostEqual(client.now(), now, delta=2)
            self.assertTrue(client.runs())
        client.passed += 100
        self.assertAlmostEqual(client.now(), now + 100, delta=2)

    def test_after_a_restart_of_the_machine_a_wrong_clock_ends_and_extends_nothing(self):
        made, client = self.running()
        now = client.now()
        for wrong, expected in ((-10**7, now), (3600, now + 3600), (10**7, now)):
            again = self.installed(made)
            again.run, again.wrong = "another run of the machine", wrong
            self.assertAlmostEqual(again.now(), expected, delta=3, msg=str(wrong))
            self.assertTrue(again.runs())

    def test_a_mark_on_disk_keeps_the_time(self):
        made, client = self.running()
        client.passed += 500
        client.save()
        again = self.installed(made)
        again.run, again.wrong = "another run of the machine", -10**7
        self.assertGreaterEqual(again.now(), client.now() - 1)

    def test_it_runs_offline_to_the_last_moment_of_its_lease_and_no_longer(self):
        made, client = self.running()
        client.faults = ["unreachable"] * 99
        self.assertEqual(self.beats(client), "offline")
        client.passed += client.lease["run_until"] - client.now() - 2
        self.assertEqual(client.state(), "offline")
        client.passed += 10
        self.assertEqual(client.state(), "unknown", "no contact for too long, and nobody refused it")
        self.assertFalse(client.allows("federation"))
        self.assertEqual(self.installed(made).state(), "offline", "a restart goes on with the lease")

    def test_a_license_that_has_ended_expires_and_is_then_refused(self):
        _, client = self.running()
        client.passed += client.lease["lic_exp"] - client.now() + 5
        client.lease["run_until"] = client.lease["lic_exp"] + 100
        self.assertEqual(client.state(), "expiring")
        client.passed += client.lease["grace"]["expiry_s"] + 100
        self.assertEqual(client.state(), "refused")

    def test_the_mode_decides_what_stays(self):
        made, client = self.running(plan="kept")
        AUTHORITY.run("license", "suspend", made["id"], "--reason", "unpaid")
        self.assertEqual(self.beats(client), "degraded")
        self.assertTrue(client.allows("federation"))
        self.assertFalse(client.allows("another"))
        client.lease["grace"]["keep"].append("another")
        self.assertFalse(client.allows("another"), "it keeps only what the license has")
        client.lease["grace"].update(mode="advise", keep=[])
        self.assertTrue(client.allows("federation"))
        client.lease["grace"].update(mode="block")
        self.assertFalse(client.allows("federation"))

    def test_a_feature_is_allowed_if_the_lease_has_it(self):
        _, client = self.running()
        self.assertTrue(client.allows("federation"))
        self.assertFalse(client.allows("teleport"))

    def test_the_catalogue_is_the_one_that_the_lease_names(self):
        _, client = self.running()
        request = urllib.request.Request(AUTHORITY.url + "/v1/catalogue")
        request.add_header("Authorization", f"Bearer {client.disk['lease']}")
        with urllib.request.urlopen(request, timeout=10) as answer:
            body = answer.read()
        self.assertEqual(encode(hashlib.sha256(body).digest()), client.lease["cat"])

    # ── disk ──

    def test_a_state_that_does_not_verify_is_ignored(self):
        made, client = self.running()
        good = self.stored(client)
        for member, value in (("lease", good["lease"][:-4] + "AAAA"), ("keyset", read("statements.json")["keyset"])):
            pathlib.Path(client.path).write_text(json.dumps(dict(good, **{member: value})))
            again = self.installed(made)
            self.assertIsNone(again.lease)
            self.assertEqual(again.state(), "unknown")
        pathlib.Path(client.path).write_text(json.dumps(good))
        stranger = Installation(AUTHORITY.url, [AUTHORITY.root], "chorus", made["key"], "copied", "cluster", client.path)
        self.assertIsNone(stranger.lease, "another installation runs on nothing of this one")

    def test_a_damaged_state_is_none(self):
        made, client = self.running()
        pathlib.Path(client.path).write_text('{"lease": ')
        self.assertEqual(self.installed(made).step(), "active")


def main(kaching: str) -> None:
    global AUTHORITY
    AUTHORITY = Authority(kaching)
    try:
        done = unittest.main(argv=[sys.argv[0], *sys.argv[2:]], exit=False).result
    finally:
        AUTHORITY.stop()
    lines = len(pathlib.Path(kaching_client.__file__).read_text(encoding="utf-8").splitlines())
    print(f"kaching_client.py, {lines} lines: {done.testsRun} cases with a real authority and the vectors")
    sys.exit(not done.wasSuccessful() or lines > 250)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1])
