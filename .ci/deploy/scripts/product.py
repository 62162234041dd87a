"""deploy/install-product.sh with the example product: the key at a terminal or from a file, what is refused, the end."""

import json
import os
import select
import subprocess
import tempfile
import time
from shlex import quote

from authority import DATA
from exposure import Watcher, files_with, traced, watcher_sees
from machine import expect, holds, show, unchanged
from roots import Root

FOLDER = "/opt/my product"
SCRIPT = f"'{FOLDER}/install-product.sh'"
PROGRAM = "/usr/local/bin/cluster"
KEPT = "/etc/cluster/license-key"
PROMPT = "(it is not shown): "
AUTHORITY = "http://127.0.0.1:7710"


class Product:
    """The product as its vendor ships it, and licenses of it at the authority on this machine."""

    def __init__(self, root: Root, script, binary):
        self.root = root
        root.copy(script, f"{FOLDER}/install-product.sh")
        root.copy(binary, f"{FOLDER}/cluster", 0o755)
        pin = root.run("kaching key root", env=DATA).strip()
        self.install = f"{SCRIPT} --authority {AUTHORITY} --root {pin}"

    def license(self) -> tuple[str, str]:
        """Creates a license; returns its id and key."""
        made = json.loads(self.root.run("kaching license create --customer CUST-001 --product chorus --plan team --json", env=DATA))
        return made["id"], made["key"]

    def active(self, license: str) -> int:
        """Returns how many installations hold a slot of a license."""
        listed = self.root.run(f"kaching activation list --license {license} --status active --json", env=DATA)
        return len(json.loads(listed)["items"])


def refused(product: Product):
    """What the script finds before it changes anything; each sentence names the remedy."""
    root, install = product.root, product.install
    unchanged(root, f"{install} --license-key CHORUS-1", 2, "an option that is not known")
    unchanged(root, f"chmod 755 '{FOLDER}'; runuser -u nobody -- {install}", 1, "This needs root")
    unchanged(root, f"{install} --binary /nowhere", 1, "The program /nowhere is missing", "--binary FILE")
    expect(root, "printf '\\177ELF' >/root/elf; chmod 755 /root/elf; mv /usr/bin/curl /usr/bin/curl-away", 0)
    unchanged(root, install, 1, "curl is missing", "apt-get install curl")
    expect(root, "mv /usr/bin/curl-away /usr/bin/curl", 0)
    unchanged(root, f"{install} --binary /root/elf", 1, "does not run here")
    unchanged(root, f"{SCRIPT} --authority {AUTHORITY}", 2, "--root")
    # There is no terminal.
    unchanged(root, install, 1, "There is no terminal", "--license-key-file FILE")
    unchanged(root, f"{install} --license-key-file /nowhere", 1, "/nowhere cannot be read")
    unchanged(root, f"{install} --license-key-file -", 1, "The license key is empty", input="\n")
    expect(root, "mkdir -m 700 /opt/other; kaching serve --data /opt/other --listen 127.0.0.1:8080 >/root/log 2>&1 & "
                 "timeout 20 sh -c 'until curl -sf http://127.0.0.1:8080/health; do sleep 0.05; done' || cat /root/log", 0, "ok")
    unchanged(root, install, 1, "Another program answers at http://127.0.0.1:8080/health")
    expect(root, "kill $(cat /opt/other/kaching.lock)", 0)
    tls(root)
    for address, text, env in [
        ("http://127.0.0.1:9", "127.0.0.1:9 refuses connections", {}),
        ("https://licenses.invalid", "The name licenses.invalid is unknown", {}),
        ("https://127.0.0.1:7710", "agree on no TLS connection", {}),
        ("https://localhost:7720", "The certificate of localhost:7720 is not trusted", {}),
        ("https://licenses.invalid", "was ended through the proxy 127.0.0.1:7710", {"HTTPS_PROXY": AUTHORITY}),
        (f"{AUTHORITY}/elsewhere", "with the status 404", {}),
        ("https://licenses.invalid", "through the proxy 127.0.0.1:9", {"HTTPS_PROXY": "http://user:password@127.0.0.1:9"}),
        ("https://licenses.invalid", "The name of the proxy, proxy.invalid, is unknown", {"HTTPS_PROXY": "http://proxy.invalid:3128"}),
    ]:
        out = unchanged(root, f"{install} --license-key-file - --authority {address}", 1, text, input="CHORUS-1", env=env)
        holds("password" not in out, "the proxy's password is printed")
    expect(root, "kill $(cat /opt/tls/kaching.lock)", 0)
    show("install-product.sh: 18 refusals, from options to name, TLS, proxy and port; no file changed")


def tls(root: Root):
    """Starts an authority with a certificate that no machine trusts."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", "key", "-out", "cert"],
                       cwd=directory, check=True, capture_output=True)
        root.run("mkdir -m 700 /opt/tls")
        root.copy(f"{directory}/key", "/opt/tls/key", 0o600)
        root.copy(f"{directory}/cert", "/opt/tls/cert")
    expect(root, "kaching serve --data /opt/tls --listen 127.0.0.1:7720 --tls-cert /opt/tls/cert --tls-key /opt/tls/key >/root/log 2>&1 & "
                 "timeout 20 sh -c 'until curl -sfk https://localhost:7720/health; do sleep 0.05; done' || cat /root/log", 0, "ok")


def wrong_keys(product: Product):
    """The authority's sentence is shown, and nothing of the attempt is left."""
    root = product.root
    license, key = product.license()
    altered = key[:-1] + ("A" if key[-1] != "A" else "B")
    for wrong in ("CHORUS-NO-KEY", altered):
        expect(root, f"{product.install} --license-key-file -", 1, "no valid license: ", "nothing of it is kept", input=wrong)
        nothing_left(root, wrong)
    expect(root, f"kaching license suspend {license} --reason 'an invoice is open' --yes", 0, env=DATA)
    out = expect(root, f"{product.install} --license-key-file -", 1, "an invoice is open", input=key)
    nothing_left(root, key)
    holds(product.active(license) == 0, "a suspended license has an installation")
    show("install-product.sh with a wrong, a mistyped and a suspended key: the authority's sentence, and no file, user or key left:")
    show("  " + next(line for line in out.splitlines() if "no valid license" in line))


def nothing_left(root: Root, key: str):
    holds(not files_with(root, key), "a refused key is still on the machine")
    expect(root, "getent passwd cluster", 2)
    left = root.run(f"find / -xdev -path '{FOLDER}' -prune -o -name '*cluster*' -newer '{FOLDER}/cluster' -print", check=False)
    holds(not left.strip(), f"left after a refused key: {left}")


def at_a_terminal(product: Product) -> tuple[str, str]:
    """The key is typed at the prompt; it is on no screen, in no arguments, in no environment."""
    root = product.root
    license, key = product.license()
    watcher_sees(root)
    unchanged(root, f"{product.install} --dry-run", 0, "would activate the license", "would start    cluster.service")
    # Interrupted at the prompt, as a script from a pipe: the terminal echoes again, and nothing is left.
    piped = f"bash -c \"cat {SCRIPT} | bash -s -- {product.install.removeprefix(SCRIPT)} --binary '{FOLDER}/cluster'; stty -a\""
    _, screen = type_key(root, piped, "\x03", after="")
    holds(" echo " in screen, f"the terminal does not echo after an interruption:\n{screen}")
    nothing_left(root, key)
    trace = f"strace -f -qq -v -s 65535 -e trace=execve -o /root/trace bash -x {product.install} --name eu-1"
    with Watcher(key) as watcher:
        code, screen = type_key(root, trace, key)
    holds(code == 0 and "Chorus cluster runs. Its license:" in screen, f"ended with {code}:\n{screen}")
    holds(key not in screen and key[8:] not in screen, "the key is on the screen")
    holds(not watcher.seen, f"the key was in {watcher.seen} of a process")
    for text in ("state      active", "plan       Team", "nodes 1 of 25", "days"):
        holds(text in screen, f"the state of the license lacks {text}:\n{screen}")
    count = traced(root, "/root/trace", key)
    show(f"install-product.sh at a terminal: key not echoed, not in `bash -x`; in none of {count} programs started (strace), "
         f"nor in {watcher.processes} looks at /proc in {watcher.rounds} rounds")
    holds(product.active(license) == 1, "the installation has no slot")
    places = files_with(root, key)
    others = [place for place in places if not place.startswith(("/var/lib/cluster/license/", "/run/credentials/cluster.service/")) and place != KEPT]
    holds(KEPT in places and not others, f"the key is in {places}")
    modes = root.run("stat -c '%a %U %n' /etc/cluster/license-key /var/lib/cluster /var/lib/cluster/license")
    holds("600 root /etc/cluster/license-key" in modes and "700 cluster /var/lib/cluster\n" in modes, modes)
    show(f"  the key is in {', '.join(places)}; its file has mode 0600 and belongs to root")
    expect(root, "runuser -u cluster -- cat /etc/cluster/license-key", 1, "Permission denied")
    # systemd shows it to the service, as the service's user.
    inside = f"nsenter --target {main_pid(root)} --mount --setuid $(id -u cluster) --setgid $(id -g cluster)"
    expect(root, f"{inside} cat /run/credentials/cluster.service/license-key", 0, key)
    expect(root, f"tr '\\0' '\\n' < /proc/{main_pid(root)}/environ", 0, "CHORUS_LICENSE_KEY_FILE=/run/credentials/cluster.service/license-key")
    exposure = float(root.run("systemd-analyze security cluster --no-pager | tail -1").split(":")[1].split()[0])
    holds(exposure <= 2.0, f"systemd-analyze security cluster: {exposure}")
    show(f"  the service reads it by LoadCredential; systemd-analyze security: {exposure}")
    return license, key


def repeated(product: Product, license: str, key: str):
    """A second run changes nothing; another key and another program are taken; a network that is away is no error."""
    root = product.root
    pid = main_pid(root)
    out = unchanged(root, f"{product.install}", 0, "unchanged      cluster.service runs", "state      active")
    holds(not any(word in out for word in ("created", "updated", "restarted", "activated ")), f"a second run changed something:\n{out}")
    unchanged(root, f"{product.install} --authority http://127.0.0.1:9", 0, "warning", "refuses connections", "state      active")
    unchanged(root, f"{product.install} --license-key-file -", 0, input=key + "\n")
    holds(main_pid(root) == pid, "a second run restarted the service")
    # A run that was killed between the activation and its end has not kept the key.
    expect(root, f"rm {KEPT}", 0)
    unchanged(root, product.install, 1, "There is no terminal")
    expect(root, f"{product.install} --license-key-file -", 0, "activated", f"created        {KEPT}", input=key + "\n")
    holds(product.active(license) == 1, "the second activation took another slot")
    # A wrong key leaves the running product as it is.
    expect(root, f"{product.install} --license-key-file -", 1, "nothing of it is kept", input="CHORUS-NO-KEY")
    expect(root, f"systemctl is-active cluster; until curl -sf {HEALTH}; do sleep 0.1; done; cat {KEPT}", 0, "active", key, '"takes_jobs":true')
    other, another = product.license()
    expect(root, f"{product.install} --license-key-file -", 0, "activated", "state      active", input=another)
    holds(product.active(other) == 1, "the new key was not activated")
    holds(root.run(f"cat {KEPT}").strip() == another, "the new key is not kept")
    expect(root, f"cp '{FOLDER}/cluster' /root/next; echo >>/root/next; cd /root; {product.install} --binary next", 0, "updated        " + PROGRAM, "restarted      cluster.service")
    show("install-product.sh again: no file changed, no restart, also without the network; a wrong key changes nothing; a new key and a new program are taken")
    expect(root, f"kaching license suspend {other} --reason 'an invoice is open' --yes", 0, env=DATA)
    expect(root, f"until curl -sf {HEALTH} | grep -q 'an invoice is open'; do sleep 0.1; done", 0)
    expect(root, f"{product.install} --binary /root/next", 0, "state      refused: ", "an invoice is open")
    expect(root, f"kaching license reinstate {other} --yes", 0, env=DATA)
    expect(root, f"until curl -sf {HEALTH} | grep -q '\"takes_jobs\":true'; do sleep 0.1; done", 0)
    show("install-product.sh while the license is suspended: it says so, with the vendor's reason")
    # Its password is for the service alone: in its environment, and in no arguments.
    proxy = {"HTTPS_PROXY": "http://user:PROXY-PASSWORD@proxy.invalid:3128", "NO_PROXY": "127.0.0.1"}
    with Watcher("PROXY-PASSWORD") as watcher:
        # The environment of this command is given as arguments, so it comes from a file.
        expect(root, "umask 077; cat >/root/proxy", 0, input="\n".join(f"export {k}='{v}'" for k, v in proxy.items()))
        out = expect(root, f". /root/proxy; {product.install} --binary /root/next", 0, "created        /etc/cluster/environment", "restarted")
    holds("cmdline" not in watcher.seen and "PASSWORD" not in out, "the proxy's password was shown")
    expect(root, "stat -c '%a %U' /etc/cluster/environment; tr '\\0' '\\n' < /proc/$(systemctl show -P MainPID cluster)/environ", 0,
           "600 root", *(f"{name}={value}" for name, value in proxy.items()))
    expect(root, f"rm /root/proxy; {product.install} --binary /root/next", 0, "unchanged      cluster.service runs")
    show("install-product.sh with HTTPS_PROXY: kept for the service, in a file of mode 0600; its password in no arguments and no output")
    return other, another


def removed(product: Product, license: str, key: str):
    root = product.root
    unchanged(root, f"{product.install} --uninstall --dry-run", 0, "would release  the license's slot")
    expect(root, f"{product.install} --uninstall", 0, "released       the license's slot", "The data of Chorus cluster is kept in /var/lib/cluster")
    holds(product.active(license) == 0, "the slot was not given back")
    places = files_with(root, key)
    holds(not places, f"the key is left in {places}")
    expect(root, f"ls {PROGRAM} /etc/cluster /etc/systemd/system/cluster.service", 2)
    expect(root, "ls /var/lib/cluster/cluster-id", 0)
    expect(root, f"{product.install} --uninstall", 0, "is not installed")
    show("install-product.sh --uninstall: the authority counts no slot; program, unit and key are gone, the data is kept")
    # Killed in the middle, then completed: one slot.
    expect(root, "umask 077; cat >/root/key", 0, input=key)
    killed = f"setsid {product.install} --license-key-file /root/key >/dev/null 2>&1 & pid=$!; until [ -e {PROGRAM} ]; do kill -0 $pid || exit 1; done; kill -KILL -- -$pid"
    expect(root, killed, 0)
    expect(root, f"cd /root; umask 077; {product.install} --license-key-file key", 0, "state      active")
    holds(product.active(license) == 1, "after a run that was killed, there is not one slot")
    holds(not root.run("ls -d /run/cluster-install.work.* 2>/dev/null", check=False).strip(), "the key of a killed run is left")
    expect(root, "systemctl stop kaching", 0)
    expect(root, f"{product.install} --uninstall", 3, "The slot of the license was not given back", "support@example.com")
    expect(root, "systemctl start kaching", 0)
    show("install-product.sh killed and run again: one slot. --uninstall without the authority: removed, and says that the slot is not free")


HEALTH = "http://127.0.0.1:8080/health"


def main_pid(root: Root) -> str:
    return root.run("systemctl show --property MainPID --value cluster").strip()


def type_key(root: Root, command: str, key: str, after: str = "\n") -> tuple[int, str]:
    """Runs a command at a terminal, types the key at the prompt, and returns the exit code and all that the terminal showed."""
    process = root.start(f"script --quiet --return --command {quote(command)} /dev/null", input="")
    output, screen, typed, deadline = process.stdout.fileno(), "", False, time.monotonic() + 90
    while time.monotonic() < deadline:
        if not select.select([output], [], [], 1)[0]:
            continue
        part = os.read(output, 65536)
        if not part:
            break
        screen += part.decode(errors="replace")
        if not typed and PROMPT in screen:
            process.stdin.write(key + after)
            process.stdin.flush()
            typed = True
    holds(typed, f"the script did not ask for the key:\n{screen}")
    process.stdin.close()
    return process.wait(30), screen
