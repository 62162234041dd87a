"""A client of a Kaching authority, written from docs/protocol.md alone: [V3] is a rule of that page. See README.md."""
import base64, hashlib, hmac, http.client, json, os, random, re, secrets, time, urllib.request
from contextlib import suppress
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

class Invalid(Exception): """The first rule that a statement does not keep, by its name in the vectors."""
class Unanswered(Exception): """No answer that counts: the code of an unsigned problem, or a sentence."""
def fail(reason): raise Invalid(reason)
# ── statements ──────────────────────────────────────────────────
def encode(data): return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
def sha256(data): return hashlib.sha256(data).digest()
def decode(chars):
    data = base64.b64decode(chars + "=" * (-len(chars) % 4), b"-_", validate=True)
    return data if encode(data) == chars else int("not the one form of base64url")
def attempt(reason, function, *args):
    try: return function(*args)
    except (ValueError, KeyError, TypeError, RecursionError, InvalidSignature): fail(reason)
def read_object(data, twice):  # [V9]
    def members(pairs): return dict(pairs) if len(dict(pairs)) == len(pairs) else fail(twice)
    value = json.loads(data.decode(), object_pairs_hook=members, parse_constant=lambda word: int("not JSON: " + word))
    json.dumps(value, ensure_ascii=False).encode()  # fails on half of a surrogate pair
    return value if type(value) is dict else int("not an object")
def text(v, form="(?s).*"): return type(v) is str and re.fullmatch(form, v)
def number(v, most=2**64 - 1): return type(v) is int and 0 <= v <= most
def moment(v): return number(v, 253402300799)
def texts(v): return type(v) is list and all(map(text, v))
def like(v, **checks): return type(v) is dict and all(k in v and check(v[k]) for k, check in checks.items())
def word(form): return lambda v: text(v, form)
def or_null(check): return lambda v: v is None or check(v)
def limit(v): return like(v, kind=word("slots|level|counter"), max=or_null(number)) and (v["kind"] != "counter" or like(
    v, per=word("hour|day|month|year"), anchor=word("utc|start"), mode=word("hard|soft")))
DIGEST = word("[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
CHECKS = {name: check for names, check in {  # of claims
    "iss aud jti plan code detail": text, "iat exp nbf run_until": moment, "ks hb epoch rev version": number,
    "sub": word("lic_[0-7][0-9a-hjkmnp-tv-z]{25}"), "act": word("act_[0-7][0-9a-hjkmnp-tv-z]{25}"), "features": texts,
    "type": word("trial|standard|enterprise|perpetual"), "lic_exp": or_null(moment), "fpr req cat": DIGEST,
    "grace": lambda v: like(v, offline_s=number, expiry_s=number, mode=word("block|degrade|advise"), keep=texts),
    "limits": lambda v: type(v) is dict and all(map(limit, v.values())), "keys": lambda v: type(v) is list,
    "log": lambda v: like(v, origin=text, size=number, root=DIGEST), "valid": lambda v: type(v) is bool
    }.items() for name in names.split()}
CLAIMS = {  # by the type of the statement; optional ones after the bar
    "lease": "iss aud iat exp nbf ks jti sub act fpr req hb run_until epoch rev plan type features limits lic_exp grace "
    "cat | log", "refusal": "iss iat exp ks epoch code detail | aud sub act req rev",
    "validation": "iss iat exp ks epoch req code valid | aud sub rev", "keyset": "iss version epoch iat exp keys |"}

def open_statement(statement, typ, key_of):  # `key_of` finds the JWK and the key of a kid
    if not text(statement) or len(statement) > 16384: fail("too_long")  # [V1]
    head, body, signature = attempt("not_compact", lambda a, b, c: [*map(decode, (a, b, c))], *statement.split("."))  # [V2]
    header = attempt("header", read_object, head, "header")
    if set(header) != {"alg", "typ", "kid"} or not all(map(text, header.values())): fail("header")  # [V3]
    if header["typ"] != typ + "+jwt": fail("type")  # [V4]
    jwk, key = key_of(header["kid"])  # [V5]
    if header["alg"] != jwk["alg"]: fail("algorithm")  # [V6]
    if jwk["purpose"] not in ("root", "lease"): fail("purpose")  # [V7]
    attempt("signature", key.verify, signature, statement.rpartition(".")[0].encode())  # [V8]
    if small_order(signature[:32]): fail("signature")
    claims = attempt("claims", read_object, body, "duplicate_member")
    required, optional = map(str.split, CLAIMS[typ].split("|"))
    names = required + [name for name in optional if name in claims]  # [V10]
    return (claims, jwk) if like(claims, **{name: CHECKS[name] for name in names}) else fail("claims")
def small_order(point):  # one of the curve's eight points of small order, in any spelling
    p, y = 2**255 - 19, 0x05FC536D880238B13933C6D305ACDFD5F098EFF289F4C345B027B2C28F95E826
    return int.from_bytes(point, "little") % 2**255 % p in (0, 1, p - 1, y, p - y)
def thumbprint(x): return encode(sha256(f'{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}'.encode()))[:16]
def public_key(jwk):  # [K5]
    good = like(jwk, kty=word("OKP"), crv=word("Ed25519"), x=DIGEST, use=word("sig"), nbf=moment, exp=moment)
    point = decode(jwk["x"]) if good and jwk["kid"] == thumbprint(jwk["x"]) else fail("claims")
    return Ed25519PublicKey.from_public_bytes(fail("keyset_key") if small_order(point) else point)  # [K6]

class Keyset:
    def __init__(self, statement, roots, held=0, now=None):
        self.keys, points = {}, [root.strip().removeprefix("kaching-root:") for root in roots]
        root = {"alg": "EdDSA", "purpose": "root"}
        pinned = {thumbprint(x): (root, Ed25519PublicKey.from_public_bytes(decode(x))) for x in points}
        self.claims, _ = open_statement(statement, "keyset", lambda k: pinned.get(k) or fail("unknown_root"))  # [K1]
        if self.claims["version"] < held: fail("keyset_outdated")  # [K3]
        if now is not None and now >= self.claims["exp"]: fail("keyset_expired")  # [K4]
        for jwk in self.claims["keys"]:
            if not like(jwk, alg=text, purpose=text): fail("claims")
            if jwk["alg"] == "EdDSA" and jwk["purpose"] in ("lease", "file", "key", "audit"):
                key = attempt("claims", public_key, jwk)
                if self.keys.setdefault(jwk["kid"], (jwk, key))[0] is not jwk: fail("keyset_key")

def verify(statement, typ, keyset, expected, now=None, running=None, answer=False):  # its claims, if it counts
    claims, jwk = open_statement(statement, typ, lambda kid: keyset.keys.get(kid) or fail("unknown_key"))
    if claims["iss"] != keyset.claims["iss"]: fail("issuer")  # [V11]
    if not jwk["nbf"] <= claims["iat"] < jwk["exp"]: fail("key_time")  # [V12]
    for name, reason in dict(aud="audience", sub="license", act="activation", fpr="fingerprint").items():  # [V13]
        if expected.get(name) not in (None, claims.get(name, expected.get(name))): fail(reason)
    if (req := expected.get("req")) != claims.get("req") and (answer or req): fail("request")  # [V15]
    if (at := claims["iat"] if answer else now if running is None else running) is None: return claims
    if max(claims["iat"], now or 0) >= keyset.claims["exp"]: fail("keyset_expired")  # [V14]
    if at < claims.get("nbf", claims["iat"] - 60): fail("not_yet_valid")  # [V16] [V17]
    last = claims["exp"] - 1 if running is None else claims.get("run_until", claims["exp"] - 1)
    return claims if at <= last else fail("expired")
def verify_pushed(statement, keyset, lease, now):  # [E3]
    claims = verify(statement, "refusal", keyset, {k: lease[k] for k in ("aud", "sub", "act")}, now=now)
    if "req" in claims or "sub" not in claims: fail("request" if "req" in claims else "license")
    later = claims.get("rev", 0) > lease["rev"] or claims["iat"] > lease["iat"]  # [E4]
    return claims if (claims["epoch"], later) > (lease["epoch"], False) else fail("outdated")
def sign(credential, number, method, path, body):  # [S1]: the hash of a request, and its header Authorization if any
    act, generation, secret = credential.split(".") if credential else ("", "", "")
    identity = f"{act}.{generation}.{number}" if credential else ""
    req = sha256("\n".join((method, path, identity, "")).encode() + body)
    return encode(req), credential and f"Kaching {identity}.{encode(hmac.digest(decode(secret), req, 'sha256'))}"

# ── the client ──────────────────────────────────────────────────
class AsItIs(urllib.request.HTTPErrorProcessor):  # errors are answers, and so are redirects [C2]
    http_response = https_response = lambda self, request, response: response
GONE, MOVED = {"activation_released", "activation_deactivated"}, "activation_superseded"
DENIES = {"activation_limit_reached", "moves_exhausted", "feature_not_licensed", "limit_exceeded", "quota_exceeded"}
NEWER, JSON = {"unknown_key", "keyset_expired", "issuer", "key_time"}, {"Content-Type": "application/json"}  # [K8]
EMPTY = dict.fromkeys("lease keyset credential nonce activating stop time".split()) | dict(number=0, epoch=0, rev=0)
class Client:  # of one installation, used by one thread that calls `step` again and again; `allows` reads memory
    opener = urllib.request.build_opener(AsItIs)
    keyset, lease, trouble, fetched, due, failures, retry_after = None, None, "not asked yet", -1e9, 0, 0, 0
    wall, boot = staticmethod(time.time), staticmethod(lambda: time.clock_gettime(time.CLOCK_BOOTTIME))  # [T2]
    def __init__(self, url, roots, product, license_key, fingerprint, kind, path, **named):
        if not re.match(r"https://|http://(127\.0\.0\.1|\[::1]|localhost)(:|/|$)", url): fail("not encrypted")  # [C1]
        self.url, self.roots, self.path, self.disk, self.report = url.rstrip("/"), roots, path, dict(EMPTY), {}
        self.about = dict(named, license_key=license_key, product=product, fingerprint=fingerprint, kind=kind)
        self.own, self.began = dict(aud=product, fpr=encode(sha256(fingerprint.encode()))), self.boot()
        with open("/proc/sys/kernel/random/boot_id") as file: self.run = file.read()
        with suppress(OSError, ValueError, TypeError), open(path) as file: self.disk.update(json.load(file))  # [D3]
        self.durable, act = (self.disk["number"], self.disk["nonce"]), (self.disk["credential"] or "")[:30]
        with suppress(Invalid):  # what was signed is verified again [D2]
            self.keyset = Keyset(self.disk["keyset"] or "", roots)
            self.lease = verify(self.disk["lease"] or "", "lease", self.keyset, dict(self.own, act=act))
        self.activates = self.stopped() in GONE | DENIES | {MOVED if "takeover" in named else ""}
    def stopped(self): return (self.disk["stop"] or {}).get("code")
    def is_fresh(self): return (self.disk["time"] or [])[2:] == [self.run, True]  # contact in this run of the machine
    def now(self):  # trusted time [T1] [T3] [T4]
        wall, (at, boot, run, _) = int(self.wall()), self.disk["time"] or [self.wall(), self.boot(), self.run, False]
        at = int(at + self.boot() - (boot if run == self.run else self.began))
        return wall if at < wall < at + 86400 and not self.is_fresh() else at
    def save(self):  # [D1] [D4]
        self.disk["time"] = [self.now(), self.boot(), self.run, self.is_fresh()]
        try:
            with open(os.open(self.path + ".new", os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w") as file:
                json.dump(self.disk, file), file.flush(), os.fsync(file.fileno())
            os.replace(self.path + ".new", self.path)
            self.durable = self.disk["number"], self.disk["nonce"]
        except OSError: self.disk["number"], self.disk["nonce"] = self.durable  # the last heartbeat is repeated [H6]
    def send(self, method, path, body=None, number=None, lease=None, timeout=10):  # a number means: with the credential
        data, self.retry_after = json.dumps(body).encode() if body else b"", 0
        req, header = sign(None if number is None else self.disk["credential"], number, method, path, data)
        head = {"Authorization": header or f"Bearer {lease}"} if header or lease else {}
        try:
            request = urllib.request.Request(self.url + path, data or None, head | JSON, method=method)
            with self.opener.open(request, timeout=timeout) as answer: data = answer.read(2**18 + 1)
            parsed = json.loads(data or b"{}") if len(data) <= 2**18 else int("it is too long")  # [C3]
        except (OSError, ValueError, RecursionError, http.client.HTTPException) as error: raise Unanswered(str(error))
        self.retry_after = min(int("0" + re.sub("[^0-9]", "", answer.headers.get("Retry-After", ""))), 300)  # [C6]
        return req, answer.status, parsed if type(parsed) is dict else {}
    def fetch_keyset(self):
        held, self.fetched = self.keyset.claims["version"] if self.keyset else 0, self.boot()
        keysets = self.send("GET", "/.well-known/kaching")[2].get("keysets")
        for statement in keysets if texts(keysets) else []:
            with suppress(Invalid):
                self.keyset = Keyset(statement, self.roots, held, self.now() if self.is_fresh() else None)  # [K4] [K7]
                return self.disk.update(keyset=statement)
        raise Unanswered("it has no keyset of a pinned root")
    def ask(self, path, body, number=None):  # a statement's claims, the lease if it is one, and the credential [H3]
        req, status, answer = self.send("POST", path, body, number)
        typ, member = ("lease", "lease") if status in (200, 201) else ("refusal", "statement")
        if not text(statement := answer.get(member)): raise Unanswered(str(answer.get("code", status)))
        credential = answer.get("credential") if typ == "lease" and not number else self.disk["credential"]
        if (credential or typ == "lease") and not text(credential, r"act_\w{26}\.\d+\.[\w-]{43}"): raise Unanswered("no credential")
        known = dict(self.own, req=req, act=credential and credential[:30], sub=self.lease and number and self.lease["sub"])
        for _ in range(2):
            try: claims, why = verify(statement, typ, self.keyset, known, answer=True), None
            except Invalid as invalid: claims, why = {"ks": 2**64}, str(invalid)
            if claims["ks"] <= self.keyset.claims["version"]:
                self.disk["time"] = [claims["iat"], self.boot(), self.run, True]
                return claims, statement if typ == "lease" else None, credential
            if why and (why not in NEWER or self.boot() < self.fetched + 60): raise Unanswered(why)
            self.fetch_keyset()  # [K8] [K9]
        raise Unanswered("it does not give the keys that its answers name")
    def take(self, claims, lease=None):  # acts on a statement that counts; `save` follows
        disk, stop, order = self.disk, self.disk["stop"], (claims["epoch"], claims.get("rev", 0))
        if lease:
            later = stop and (order[0], claims["iat"]) >= (stop["epoch"], stop["iat"]) and order >= (stop["epoch"], stop["rev"])
            if (later or not stop) and order >= (disk["epoch"], disk["rev"]):  # [R3] [H10]
                self.lease, disk["lease"], disk["stop"], (disk["epoch"], disk["rev"]) = claims, lease, None, order
        elif claims["code"] not in DENIES or self.activates and self.lease and (
                claims.get("sub"), claims["epoch"]) == (self.lease["sub"], self.lease["epoch"]):  # [R1] [R4] [R5]
            disk["stop"] = {k: claims[k] for k in ("code", "detail", "iat")} | {"epoch": order[0], "rev": order[1]}
            disk["epoch"], disk["rev"] = max((disk["epoch"], disk["rev"]), order)
    def renew(self):  # activates, or sends the next heartbeat, and acts on the answer
        disk, activates = self.disk, self.activates or not self.disk["credential"]
        fresh, body = secrets.token_urlsafe(16), dict(self.report, nonce=disk["nonce"], fpr=self.own["fpr"])  # [H7]
        if activates: disk["activating"], self.due = disk["activating"] or fresh, self.boot() + 60  # [A5]
        self.save()  # what is sent is on disk first [A1]
        try:
            if activates: claims, lease, credential = self.ask("/v1/activate", dict(self.about, nonce=disk["activating"]))
            else: claims, lease, credential = self.ask("/v1/heartbeat", body, disk["number"])  # [H1] [H4]
        except Unanswered as why:
            if activates and str(why) == "credential_invalid": disk["activating"] = None  # [A6]
            if not activates and str(why) in ("credential_invalid", "activation_not_found"):  # [H11]
                self.activates = self.stopped() not in GONE | {MOVED}
            raise
        self.take(claims, lease)
        if activates and lease: self.activates, self.about["takeover"], disk["credential"], disk["number"] = False, None, credential, 0
        if lease or not activates: disk["number"], disk["nonce"] = disk["number"] + 1, secrets.token_urlsafe(16)
        if activates and lease: self.durable = disk["number"], disk["nonce"]  # [A3]
        disk["activating"] = None
        self.save()  # number, nonce, and lease or stop together, before anything else is sent [H5] [R2]
        wait = min(claims.get("hb", 1e9) * random.uniform(0.8, 1.2), (claims["exp"] - claims["iat"]) / 2)  # [H8]
        self.due = max(self.boot() + wait + random.uniform(0, 30 * ("code" in claims)), self.due * (activates and not lease))
    def poll(self, wait):
        path = f"/v1/changes?rev={self.disk['rev']}&wait={wait}"
        _, status, event = self.send("GET", path, lease=self.disk["lease"], timeout=wait + 10)
        good = status == 200 and like(dict(within_ms=0) | event, rev=number, epoch=number, within_ms=number)
        if not good: raise Unanswered(str(event.get("code", status)))
        with suppress(Invalid):
            self.take(verify_pushed(event.get("refusal"), self.keyset, self.lease, self.now()))
            self.save()  # [R2]
        if self.stopped(): self.due = self.boot() + random.uniform(30, 60)
        elif [event["epoch"], event["rev"]] > [self.disk["epoch"], self.disk["rev"]]:  # [E1] [E2]
            self.due = min(self.due, self.boot() + random.uniform(0, min(event.get("within_ms", 0) / 1000, 60)))
    def deactivate(self):  # [H12]
        self.lease = self.disk["lease"] = None
        self.save()
        _, status, _ = self.send("POST", "/v1/deactivate", {"nonce": secrets.token_urlsafe(16)}, 0)  # [S2]
        if status == 204: self.disk.update(credential=None), self.save()
    def step(self, longest=45):  # makes the call that is due, or waits for changes; gives the state
        left = min(longest, self.due - self.boot())
        try:
            if not self.keyset or self.fetched < 0: self.fetch_keyset()  # also at start [K8]
            if left <= 0: self.renew()
            elif left >= 1 and self.lease and not self.stopped() and not self.trouble: self.poll(int(left))
            else: time.sleep(left)
            if left <= 0: self.trouble, self.failures = None, 0
        except Unanswered as why:  # [C5]
            self.trouble, self.failures = str(why), min(self.failures + 1, 9)
            wait = max(random.uniform(1, min(2**self.failures, 300)), self.retry_after)
            self.due = max(self.boot() + wait, self.due * (self.activates or not self.disk["credential"]))
        return self.state()
    def runs(self): return bool(self.lease and not self.stopped() and self.now() <= self.lease["run_until"])  # [M1]
    def state(self):
        if not self.lease: return "refused" if self.stopped() else "unknown"
        now, grace, end, exp = self.now(), *(self.lease[name] for name in ("grace", "lic_exp", "exp"))
        if self.runs(): return "expiring" if end and end <= now else "offline" if self.trouble or now >= exp else "active"
        if grace["mode"] != "block": return "degraded"
        return "refused" if self.stopped() or end is not None and end + grace["expiry_s"] <= now else "unknown"  # [M3]
    def allows(self, feature):  # [L1] [M2]
        mode, keep = (self.lease["grace"][k] for k in ("mode", "keep")) if self.lease else ("block", [])
        kept = self.runs() or mode == "advise" or mode == "degrade" and feature in keep
        return bool(kept) and feature in self.lease["features"]
