"""A product's own test: each test has an authority of its own, which ends with it. Needs `kaching` on PATH; runs alone."""

import json, secrets, subprocess, unittest, urllib.error, urllib.request


def post(url: str, body: dict, token: str = "") -> dict:
    """Sends a request, and returns the answer, a problem as well. A product without a Kaching client activates so."""
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    try:
        return json.load(urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode(), headers)))
    except urllib.error.HTTPError as refused:
        return json.load(refused)


class ProductTest(unittest.TestCase):
    def authority(self, *more: str) -> dict:
        command = ["kaching", "serve", "--ephemeral", "--seed", *more]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.addCleanup(process.communicate)  # closes the pipe, which ends it
        return json.loads(process.stdout.readline())

    def activate(self, authority: dict) -> dict:
        machine = {"product": "chorus", "fingerprint": "test-machine", "kind": "cluster"}
        request = machine | {"license_key": authority["keys"]["chorus:team"], "nonce": secrets.token_urlsafe(16)}
        return post(authority["url"] + "/v1/activate", request)

    def test_stops_when_its_license_is_suspended(self) -> None:
        authority = self.authority()
        self.assertIn("lease", self.activate(authority))
        admin, token = authority["url"] + "/v1/admin/licenses", authority["token"]
        license = post(f"{admin}/find", {"license_key": authority["keys"]["chorus:team"]}, token)["id"]
        post(f"{admin}/{license}/suspend", {"reason": "invoice unpaid"}, token)
        self.assertEqual(self.activate(authority)["code"], "license_suspended")

    def test_stops_when_its_license_has_expired(self) -> None:
        authority = self.authority("--clock-offset", "+400d")  # a year, and the grace after it
        self.assertEqual(self.activate(authority)["code"], "license_expired")


if __name__ == "__main__":
    unittest.main()
