"""A second implementation's opinion on the vectors in ../vectors: PyJWT on statements, Python's own library on the rest.

Usage: vectors.py. Needs PyJWT and cryptography. Ends with an error at the first disagreement. lax.py shows that each rule
for statements has a vector that nothing but this rule refuses.
"""

import base64
import hashlib
import hmac
import json
import pathlib

import jwt

import lax

VECTORS = pathlib.Path(__file__).parent.parent / "vectors"
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def main() -> None:
    verified = statements(read("statements.json"))
    keyset_is_signed_by_its_root(read("statements.json"))
    credentials(read("credential.json"))
    license_keys(read("license-keys.json"))
    print(f"PyJWT {jwt.__version__} and we agree: {verified} statements verified, by {' and '.join(ALGORITHMS)}")
    print(lax.each_rule_is_missed(read("statements.json")))
    print(lax.each_keyset_rule_is_missed(read("keysets.json")))


def read(name: str) -> dict:
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


ALGORITHMS: list[str] = []


def statements(vectors: dict) -> int:
    """Whatever we call valid PyJWT verifies by the published key set; whatever we call forged it refuses."""
    keys = jwt.PyJWKSet.from_dict(vectors["jwks"])
    verified = 0
    for case in vectors["cases"]:
        text = case["text"]
        if case["outcome"] == "valid":
            claims = decode(text, keys)
            assert claims["iss"] == "https://licenses.example.com", case["name"]
            assert jwt.get_unverified_header(text)["typ"] == case["typ"], case["name"]
            if case["typ"] == "lease+jwt":
                assert claims["aud"] == "chorus" and claims["sub"] == case["expected"]["sub"], case["name"]
                refused(tampered(text), keys, case["name"])
            verified += 1
        elif case["outcome"] in ("signature", "not_compact", "unknown_key", "algorithm"):
            # Base64 in PyJWT is lenient, so a signature in another spelling is one that it takes.
            # A point of small order is one that it takes, too.
            if case["rule"] != "V2" and case["name"] != "R is the neutral element":
                refused(text, keys, case["name"])
    assert ALGORITHMS == ["EdDSA", "RS256"], ALGORITHMS
    return verified


def decode(text: str, keys: jwt.PyJWKSet) -> dict:
    """Verifies the signature; the times of the vectors are fixed, so the clock is kept out of it."""
    header = jwt.get_unverified_header(text)
    key = next((key for key in keys.keys if key.key_id == header["kid"]), None)
    if key is None:
        raise jwt.InvalidKeyError("not listed")
    algorithm = key.algorithm_name
    clockless = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "verify_aud": False}
    claims = jwt.decode(text, key.key, algorithms=[algorithm], options=clockless)
    if algorithm not in ALGORITHMS:
        ALGORITHMS.append(algorithm)
    return claims


def tampered(text: str) -> str:
    """The same lease with a revision more, under the old signature."""
    header, payload, signature = text.split(".")
    claims = json.loads(unbase64(payload))
    claims["rev"] += 1
    return ".".join((header, base64url(json.dumps(claims).encode()), signature))


def refused(text: str, keys: jwt.PyJWKSet, name: str) -> None:
    try:
        decode(text, keys)
    except jwt.PyJWTError:
        return
    raise SystemExit(f"PyJWT accepts what we refuse: {name}")


def keyset_is_signed_by_its_root(vectors: dict) -> None:
    x = vectors["root"].removeprefix("kaching-root:")
    members = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": x}, separators=(",", ":"), sort_keys=True)
    kid = base64url(hashlib.sha256(members.encode()).digest())[:16]
    root = jwt.PyJWK({"kty": "OKP", "crv": "Ed25519", "x": x, "alg": "EdDSA"})
    assert jwt.get_unverified_header(vectors["keyset"])["kid"] == kid
    options = {"verify_exp": False, "verify_iat": False}
    keyset = jwt.decode(vectors["keyset"], root.key, algorithms=["EdDSA"], options=options)
    assert keyset["keys"] == vectors["jwks"]["keys"]


def credentials(vectors: dict) -> None:
    for case in vectors["cases"]:
        identity = ""
        if case["credential"]:
            activation, generation, secret = case["credential"].split(".")
            identity = f"{activation}.{generation}.{case['number']}"
        message = "\n".join((case["method"], case["path"], identity, case["body"])).encode()
        request = hashlib.sha256(message).digest()
        assert base64url(request) == case["req"]
        if case["credential"]:
            mac = base64url(hmac.digest(unbase64(secret), request, "sha256"))
            assert f"Kaching {identity}.{mac}" == case["authorization"]


def license_keys(vectors: dict) -> None:
    for made in vectors["made"]:
        bits = int.from_bytes(bytes(made["random"]), "big")
        symbols = "".join(CROCKFORD[bits >> (5 * i) & 31] for i in reversed(range(24)))
        symbols += check_symbol(made["prefix"], symbols)
        groups = [symbols[i : i + 5] for i in range(0, 25, 5)]
        assert "-".join([made["prefix"], *groups]) == made["key"], made
    for typed in vectors["typed"]:
        if not typed["text"].startswith(("CAIO-v", "AGY-a")):
            assert canonical(typed["text"].strip()) == typed["canonical"], typed


def canonical(text: str) -> str | None:
    """The short form, read from its end."""
    symbols, rest = "", text
    while rest and len(symbols) < 25:
        rest, last = rest[:-1], rest[-1]
        if last not in " -":
            symbols = last.upper().translate(str.maketrans("OIL", "011")) + symbols
    prefix = rest.rstrip(" -").upper()
    good = (
        len(text) <= 256
        and len(symbols) == 25
        and set(symbols) <= set(CROCKFORD)
        and 1 <= len(prefix) <= 32
        and not prefix.startswith("-")
        and all(c.isascii() and (c.isalnum() or c == "-") for c in prefix)
        and check_symbol(prefix, symbols[:24]) == symbols[24]
    )
    return "-".join([prefix, *(symbols[i : i + 5] for i in range(0, 25, 5))]) if good else None


def check_symbol(prefix: str, symbols: str) -> str:
    return CROCKFORD[hashlib.sha256(f"{prefix}-{symbols}".encode()).digest()[-1] & 31]


def base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unbase64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


if __name__ == "__main__":
    main()
