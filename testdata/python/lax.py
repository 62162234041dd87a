"""A verifier of statements and keysets of which each rule can be left out, by its number in docs/protocol.md.

With all rules it agrees with the vectors. Without one of them it takes a statement that it should refuse: so the vectors
find every verifier that lacks a rule.
"""

import base64
import hashlib
import json
import re

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from jwt.algorithms import RSAAlgorithm

RULES = [f"V{number}" for number in range(1, 18)]
KEYSET_RULES = [f"K{number}" for number in range(1, 7)]
FIELD, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
Y8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")

TEXT, NUMBER, TIME, HASH, TEXTS, BOOL = "text", "number", "time", "hash", "texts", "bool"
LICENSE, ACTIVATION = re.compile("lic_[0-7][0-9a-hjkmnp-tv-z]{25}"), re.compile("act_[0-7][0-9a-hjkmnp-tv-z]{25}")
COMMON = {"iss": TEXT, "iat": TIME, "exp": TIME, "ks": NUMBER, "epoch": NUMBER}
REQUIRED = {
    "lease+jwt": COMMON | {
        "aud": TEXT, "nbf": TIME, "jti": TEXT, "sub": LICENSE, "act": ACTIVATION, "fpr": HASH, "hb": NUMBER, "req": HASH,
        "run_until": TIME, "rev": NUMBER, "plan": TEXT, "type": {"trial", "standard", "enterprise", "perpetual"},
        "features": TEXTS, "limits": "limits", "lic_exp": "time or null", "cat": HASH,
        "grace": {"offline_s": NUMBER, "expiry_s": NUMBER, "mode": {"block", "degrade", "advise"}, "keep": TEXTS},
    },
    "refusal+jwt": COMMON | {"code": TEXT, "detail": TEXT},
    "validation+jwt": COMMON | {"code": TEXT, "valid": BOOL, "req": HASH},
}
OPTIONAL = {
    "lease+jwt": {"log": {"origin": TEXT, "size": NUMBER, "root": HASH}},
    "refusal+jwt": {"aud": TEXT, "sub": LICENSE, "act": ACTIVATION, "req": HASH, "rev": NUMBER},
    "validation+jwt": {"aud": TEXT, "sub": LICENSE, "rev": NUMBER},
}
KEYSET = {"iss": TEXT, "version": NUMBER, "epoch": NUMBER, "iat": TIME, "exp": TIME}
COUNTER = {"per": {"hour", "day", "month", "year"}, "anchor": {"utc", "start"}, "mode": {"hard", "soft"}}


class Refused(Exception):
    """By the rule of this number; None where there is nothing to be lenient about."""


def each_rule_is_missed(vectors: dict) -> str:
    keys = {jwk["kid"]: jwk for jwk in vectors["jwks"]["keys"]}
    keyset = jwt.decode(vectors["keyset"], options={"verify_signature": False})
    invalid = [case for case in vectors["cases"] if case["outcome"] != "valid"]
    for case in vectors["cases"]:
        refused_by = verdict(case, keys, keyset, None)
        assert (refused_by is None) == (case["outcome"] == "valid"), (case["name"], refused_by)
        assert refused_by in (None, case.get("rule")), (case["name"], case["rule"], refused_by)
    taken = {}
    for rule in RULES:
        taken[rule] = [c for c in invalid if c["rule"] == rule and verdict(c, keys, keyset, rule) is None]
        assert taken[rule], f"no vector is refused by {rule} alone"
    plain = sum(plainly(case, keys) for case in invalid)
    alone = sum(map(len, taken.values()))
    return (
        f"{len(invalid)} statements are refused, {alone} of them by one rule alone, and each of {len(RULES)} rules has some; "
        f"PyJWT alone, asked for key, algorithm, audience and issuer, takes {plain}"
    )


def each_keyset_rule_is_missed(vectors: dict) -> str:
    roots = {kid_of(root.removeprefix("kaching-root:")): root.removeprefix("kaching-root:") for root in vectors["roots"]}
    for case in vectors["cases"]:
        refused_by = keyset_verdict(case, roots, None)
        assert refused_by == case.get("rule"), (case["name"], refused_by)
    taken = 0
    for rule in KEYSET_RULES:
        cases = [case for case in vectors["cases"] if case.get("rule") == rule]
        missed = sum(keyset_verdict(case, roots, rule) is None for case in cases)
        assert missed, f"no keyset is refused by {rule} alone"
        taken += missed
    return f"each of {len(KEYSET_RULES)} rules for keysets refuses some alone, {taken} in all"


def keyset_verdict(case: dict, roots: dict, without: str | None) -> str | None:
    try:
        verify_keyset(case, roots, without)
    except Refused as refused:
        return refused.args[0]
    return None


def verify_keyset(case: dict, roots: dict, without: str | None) -> None:
    def rule(number: str, holds: bool) -> None:
        if not holds and number != without:
            raise Refused(number)

    header, payload, signature = (decode(part, False) for part in case["text"].split("."))
    header = read(header, "K1", without == "K1")
    rule("K1", set(header) == {"alg", "typ", "kid"} and header["typ"] == "keyset+jwt" and header["alg"] == "EdDSA")
    rule("K1", header["kid"] in roots)
    jwk = {"alg": "EdDSA", "x": roots.get(header["kid"])}
    rule("K1", without == "K1" or is_signed(jwk, case["text"].rpartition(".")[0].encode(), signature))
    claims = read(payload, "K2", without == "K2")
    rule("K2", fits(claims, KEYSET) and type(claims.get("keys")) is list)
    keys = claims["keys"] if type(claims.get("keys")) is list else []
    for key in keys:
        rule("K5", fits(key, {"alg": TEXT, "purpose": TEXT}))
        if key.get("alg") in ("EdDSA", "RS256") and key.get("purpose") in ("lease", "file", "key", "audit"):
            rule("K5", is_key(key))
    if fits(claims.get("version"), NUMBER):
        rule("K3", case["held"] is None or claims["version"] >= case["held"])
    if fits(claims.get("exp"), TIME) and "now" in case["moment"]:
        rule("K4", case["moment"]["now"] < claims["exp"])
    kids = [key.get("kid") for key in keys]
    rule("K6", len(kids) == len(set(kids)))
    points = [key["x"] for key in keys if key.get("crv") == "Ed25519" and fits(key.get("x"), HASH)]
    rule("K6", not any(is_small(base64.urlsafe_b64decode(x + "=")) for x in points))


def is_key(key: dict) -> bool:
    if not fits(key, {"use": {"sig"}, "kid": TEXT, "kty": {"OKP", "RSA"}, "nbf": TIME, "exp": TIME}):
        return False
    if key["alg"] == "EdDSA":
        return fits(key, {"kty": {"OKP"}, "crv": {"Ed25519"}, "x": HASH}) and key["kid"] == kid_of(key["x"])
    if not fits(key, {"kty": {"RSA"}, "n": TEXT, "e": {"AQAB"}}) or len(key["n"]) != 512:
        return False
    members = json.dumps({"e": key["e"], "kty": "RSA", "n": key["n"]}, separators=(",", ":"))
    return key["kid"] == digest(members)[:16]


def kid_of(x: str) -> str:
    return digest(json.dumps({"crv": "Ed25519", "kty": "OKP", "x": x}, separators=(",", ":")))[:16]


def digest(text: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


def plainly(case: dict, keys: dict) -> bool:
    """Whether a JWT library takes it that is used as its documentation says; the times are those of the vectors."""
    try:
        key = jwt.PyJWK(keys[jwt.get_unverified_header(case["text"])["kid"]])
        expected = {"audience": "chorus", "issuer": "https://licenses.example.com", "algorithms": [key.algorithm_name]}
        jwt.decode(case["text"], key.key, options={"verify_exp": False, "verify_nbf": False, "verify_iat": False}, **expected)
    except (jwt.PyJWTError, KeyError, ValueError, RecursionError):
        return False
    return True


def verdict(case: dict, keys: dict, keyset: dict, without: str | None) -> str | None:
    """The number of the rule that refuses a case, or None."""
    try:
        verify(case, keys, keyset, without)
    except Refused as refused:
        return refused.args[0]
    return None


def verify(case: dict, keys: dict, keyset: dict, without: str | None) -> None:
    def rule(number: str, holds: bool) -> None:
        if not holds and number != without:
            raise Refused(number)

    text = case["text"]
    rule("V1", len(text) <= 16384)
    parts = text.strip().split(".") if without == "V2" else text.split(".")
    if len(parts) != 3:
        raise Refused("V2")
    header, payload, signature = (decode(part, without == "V2") for part in parts)
    header = read(header, "V3", without == "V3")
    rule("V3", set(header) == {"alg", "typ", "kid"})
    if not all(type(header.get(member)) is str for member in ("alg", "typ", "kid")):
        raise Refused("V3")
    rule("V4", header["typ"] == case["typ"])
    rule("V5", header["kid"] in keys)
    jwk = keys.get(header["kid"])
    if jwk is not None:
        rule("V6", header["alg"] == jwk["alg"])
        rule("V7", jwk["purpose"] == "lease")
        message = text.rpartition(".")[0].encode()
        rule("V8", without in ("V5", "V6") or is_signed(jwk, message, signature))
    claims = read(payload, "V9", without == "V9")
    rule("V10", fits(claims, REQUIRED[case["typ"]]))
    rule("V10", all(fits(claims[k], form) for k, form in OPTIONAL[case["typ"]].items() if k in claims))
    judge(case, claims, jwk, keyset, rule)


def judge(case: dict, claims: dict, jwk: dict | None, keyset: dict, rule) -> None:
    """What claims say. Those that are malformed, which only a verifier without V10 reads, pass here."""
    iat, exp, moment, known = (time(claims.get("iat")), time(claims.get("exp")), case["moment"], case["expected"])
    rule("V11", "iss" not in claims or type(claims["iss"]) is not str or claims["iss"] == keyset["iss"])
    if iat is not None and jwk is not None:
        rule("V12", jwk["nbf"] <= iat < jwk["exp"])
    for name in ("aud", "sub", "act", "fpr"):
        given = claims.get(name)
        rule("V13", known[name] is None or type(given) is not str or given == known[name] or not fits_form(name, given))
    req = claims.get("req")
    well = req is None or type(req) is str and len(req) == 43
    rule("V15", not well or (req == known["req"] if moment == "answer" or known["req"] else True))
    if moment == "answer":
        rule("V15", known["req"] is not None)
    if moment == "inspect" or iat is None or exp is None:
        return
    at = iat if moment == "answer" else moment.get("now", moment.get("running"))
    ends = keyset["exp"]
    rule("V14", iat < ends and (type(moment) is str or "now" not in moment or moment["now"] < ends))
    last = exp - 1
    if type(moment) is dict and "running" in moment:
        last = time(claims.get("run_until"), last)
    nbf = time(claims.get("nbf"), iat - 60)
    rule("V16" if moment == "answer" else "V17", nbf <= at <= last)


def fits_form(name: str, given: str) -> bool:
    return fits(given, REQUIRED["lease+jwt"][name])


def time(value, otherwise=None):
    return value if type(value) is int else otherwise


def decode(part: str, leniently: bool) -> bytes:
    if leniently:
        kept = re.sub("[^A-Za-z0-9_-]", "", part.replace("+", "-").replace("/", "_"))
        return base64.urlsafe_b64decode(kept + "=" * (-len(kept) % 4))
    try:
        data = base64.b64decode(part + "=" * (-len(part) % 4), b"-_", validate=True)
    except ValueError:
        raise Refused("V2")
    if base64.urlsafe_b64encode(data).rstrip(b"=").decode() != part:
        raise Refused("V2")
    return data


def read(data: bytes, number: str, leniently: bool) -> dict:
    def members(pairs):
        if len(dict(pairs)) != len(pairs):
            raise ValueError("a member twice")
        return dict(pairs)

    def no_number(word):
        raise ValueError(word)

    try:
        if leniently:
            value = json.loads(data)
        else:
            value = json.loads(data.decode(), object_pairs_hook=members, parse_constant=no_number)
            json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        raise Refused(number)
    if type(value) is not dict:
        raise Refused(number)
    return value


def is_signed(jwk: dict, message: bytes, signature: bytes) -> bool:
    if jwk["alg"] == "RS256":
        algorithm = RSAAlgorithm(RSAAlgorithm.SHA256)
        return algorithm.verify(message, algorithm.from_jwk(json.dumps(jwk)), signature)
    if len(signature) != 64 or int.from_bytes(signature[32:], "little") >= ORDER:
        return False
    if is_small(signature[:32]):
        return False
    try:
        key = base64.urlsafe_b64decode(jwk["x"] + "=")
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except Exception:
        return False
    return True


def is_small(point: bytes) -> bool:
    """Whether it is one of the eight points of small order, in any spelling."""
    return int.from_bytes(point, "little") % 2**255 % FIELD in (0, 1, FIELD - 1, Y8, FIELD - Y8)


def fits(value, form) -> bool:
    if type(form) is dict:
        return type(value) is dict and all(k in value and fits(value[k], inner) for k, inner in form.items())
    if type(form) is set:
        return type(value) is str and value in form
    if type(form) is re.Pattern:
        return type(value) is str and form.fullmatch(value) is not None
    whole = type(value) is int and value >= 0
    if form == "limits":
        return type(value) is dict and all(map(is_limit, value.values()))
    return {
        TEXT: type(value) is str,
        NUMBER: whole and value < 2**64,
        TIME: whole and value <= 253402300799,
        "time or null": value is None or whole and value <= 253402300799,
        HASH: type(value) is str and re.fullmatch("[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]", value) is not None,
        TEXTS: type(value) is list and all(type(item) is str for item in value),
        BOOL: type(value) is bool,
    }[form]


def is_limit(value) -> bool:
    if not fits(value, {"kind": {"slots", "level", "counter"}}) or "max" not in value:
        return False
    most = value["max"] is None or fits(value["max"], NUMBER)
    return most and (value["kind"] != "counter" or fits(value, COUNTER))
