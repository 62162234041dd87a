"""A second opinion on our leases: PyJWT verifies them with nothing but the authority's published JWKS.

Usage: interop.py PATH-TO-KACHING. Starts an authority on a data directory of its own, makes a license of an EdDSA
and of an RS256 product on the command line, activates both over HTTP, and checks what comes back.
"""

import json
import os
import pathlib
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import jwt


def main(kaching: str) -> None:
    with tempfile.TemporaryDirectory(prefix="kaching-interop-") as folder:
        data, url = os.path.join(folder, "data"), f"http://127.0.0.1:{free_port()}"
        log = open(os.path.join(folder, "log"), "w+")
        listen = url.removeprefix("http://")
        server = subprocess.Popen([kaching, "serve", "--data", data, "--listen", listen], stdout=log, stderr=log)
        try:
            wait_for(url, server, log)
            for algorithm in ("EdDSA", "RS256"):
                check(kaching, data, url, algorithm)
        finally:
            server.terminate()
            server.wait(20)
            log.close()


def check(kaching: str, data: str, url: str, algorithm: str) -> None:
    code = "interop-" + algorithm.lower()

    def run(*words: str) -> dict:
        done = subprocess.run([kaching, *words, "--json", "--data", data], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"kaching {' '.join(words)}: {done.stderr}")
        return json.loads(done.stdout)

    run("product", "create", "--code", code, "--name", algorithm, "--lease-alg", algorithm)
    run("plan", "create", "--product", code, "--code", "team", "--name", "Team", "--rank", "1", "--days", "30")
    run("customer", "create", "--name", "Interop", "--reference", code)
    made = run("license", "create", "--customer", code, "--product", code, "--plan", "team")
    request = {
        "license_key": made["key"],
        "product": code,
        "fingerprint": f"{code}-machine",
        "kind": "device",
        "nonce": secrets.token_urlsafe(16),
    }
    lease = call(url + "/v1/activate", request)["lease"]

    keys = jwt.PyJWKSet.from_dict(call(url + "/.well-known/jwks.json"))
    header = jwt.get_unverified_header(lease)
    key = keys[header["kid"]]
    expected = {"algorithms": [algorithm], "audience": code, "issuer": url}
    claims = jwt.decode(lease, key.key, **expected)
    assert header["typ"] == "lease+jwt" and header["alg"] == algorithm, header
    assert claims["sub"] == made["id"] and claims["plan"] == "team", claims

    if algorithm == "EdDSA":
        documented(lease, url, code)

    # It is the signature and the claims that PyJWT judges, not the shape alone.
    text, signature = lease.rsplit(".", 1)
    forged = text + "." + ("A" if signature[0] != "A" else "B") + signature[1:]
    refused(jwt.InvalidSignatureError, forged, key.key, **expected)
    refused(jwt.InvalidAudienceError, lease, key.key, **{**expected, "audience": "another"})
    refused(jwt.InvalidIssuerError, lease, key.key, **{**expected, "issuer": "http://another"})
    print(f"PyJWT {jwt.__version__} verifies our {algorithm} lease by the published JWKS, and refuses a forged one")


def documented(lease: str, url: str, product: str) -> None:
    """The lines of docs/integrate.md verify a lease as they are, but for the names of authority and product."""
    page = (pathlib.Path(__file__).parents[1] / "docs" / "integrate.md").read_text(encoding="utf-8")
    blocks = [block.split("```")[0] for block in page.split("```python\n")[1:]]
    lines = next(block for block in blocks if block.startswith("import jwt"))
    lines = lines.replace("http://127.0.0.1:7700", url).replace('"chorus"', repr(product))
    found = {"lease": lease}
    exec(lines, found)
    assert found["claims"]["aud"] == product, found["claims"]
    try:
        exec(lines, {"lease": jwt.encode({"aud": product}, "secret" * 8, headers={"kid": "x", "typ": "refusal+jwt"})})
    except ValueError:
        return
    sys.exit("the lines of docs/integrate.md take a refusal for a lease")


def refused(error: type, *args, **expected) -> None:
    try:
        jwt.decode(*args, **expected)
    except error:
        return
    sys.exit(f"PyJWT accepts what it should refuse with {error.__name__}")


def call(url: str, body: dict | None = None) -> dict:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        sys.exit(f"{url} answers {error.code}: {error.read().decode()}")


def wait_for(url: str, server: subprocess.Popen, log) -> None:
    end = time.monotonic() + 20
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(url + "/health", timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    log.seek(0)
    sys.exit(f"the authority does not answer at {url}:\n{log.read()}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
