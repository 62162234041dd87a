"""deploy/install.sh: installed, repeated, upgraded, interrupted, removed, and each case that it refuses."""

import json

from machine import FOLDER, Release, expect, holds, show, unchanged
from roots import Root

PROGRAM = "/usr/local/bin/kaching"


def refused_without_systemd(release: Release):
    with Root() as root:
        release.download(root)
        expect(root, release.install, 1, "systemd does not run on this machine")
    show("install.sh without systemd: refused")


def refused(root: Root, release: Release):
    """What is found before anything is changed."""
    install = release.install
    for arguments, code, text in [
        ("--frobnicate", 2, "--frobnicate is not an option"),
        ("--listen", 2, "--listen needs a value"),
        ("--listen 'here\"x'", 2, "--listen needs an address and a port"),
        ("--listen 0.0.0.0:http", 2, "--listen needs an address and a port"),
        ("--public-url licenses.example.com", 2, "--public-url needs a URL"),
    ]:
        unchanged(root, f"{install} {arguments}", code, text)
    unchanged(root, f"chmod 755 '{FOLDER}'; runuser -u nobody -- {install}", 1, "This needs root")
    expect(root, "touch /usr/bin/kaching", 0)
    unchanged(root, install, 1, "was installed by a package", "apt-get install ./kaching")
    expect(root, "rm /usr/bin/kaching", 0)
    unchanged(root, f"bash < {install}", 1, "Download and unpack the archive")
    show("install.sh with wrong options, without root, next to a package, from a pipe: 8 refusals, no file changed")

    expect(root, f"mkdir -m 700 /tmp/other; '{release.folder}/kaching' serve --data /tmp/other >/root/log 2>&1 & "
                 "timeout 20 sh -c 'until curl -sf http://127.0.0.1:7700/health; do sleep 0.05; done' || cat /root/log", 0, "ok")
    unchanged(root, install, 1, "Another program listens on port 7700", "ss -ltnp", "--listen")
    expect(root, "kill $(cat /tmp/other/kaching.lock); tail --pid $(cat /tmp/other/kaching.lock) -f /dev/null; rm -r /tmp/other", 0)
    show("install.sh while another program has the port: refused, no file changed")


def signature(root: Root, release: Release):
    ours, other = release.public_key(), release.public_key("other")
    dry = f"{release.install} --dry-run --public-key"
    unchanged(root, f"{dry} {ours}", 0, "verified", "signed")
    unchanged(root, f"{dry} {other}", 1, "is not signed by this key")
    archive, sums = f"'{FOLDER}/{release.archive.name}'", f"'{FOLDER}/SHA256SUMS'"
    for file, text in [(archive, "differs from the one in SHA256SUMS"), (sums, "is not signed by this key")]:
        expect(root, f"cp {file} /root/kept && printf x >> {file}", 0)
        unchanged(root, f"{dry} {ours}", 1, text)
        expect(root, f"mv /root/kept {file}", 0)
    expect(root, f"mv {sums} /root/kept", 0)
    unchanged(root, f"{dry} {ours}", 1, "SHA256SUMS is missing")
    expect(root, f"mv /root/kept {sums}", 0)
    # The unpacked files do not count: those of the verified archive are installed.
    expect(root, f"cp '{release.folder}/config.toml' /root/kept; echo '# altered' >> '{release.folder}/config.toml'", 0)
    show("install.sh with a signature: ours accepted; another key, an altered archive, altered or missing checksums refused")


def install(root: Root, release: Release):
    """The first installation, from the verified archive, in a directory that does not exist, with a strict umask."""
    unchanged(root, f"{release.install} --dry-run", 0, f"would create   {PROGRAM}", "would start    kaching.service")
    show("install.sh --dry-run: no file changed")
    # A step fails in the middle: the disk of the program is full.
    expect(root, "mount -t tmpfs -o size=1m tmpfs /usr/local/bin", 0)
    expect(root, release.install, 1, "No space left", f"{PROGRAM} cannot be written", "df -h /usr/local/bin", "another run completes it")
    expect(root, "umount /usr/local/bin; rm /etc/kaching/config.toml", 0)
    out = expect(
        root, f"mkdir /tmp/gone; cd /tmp/gone; rmdir /tmp/gone; umask 077; {release.install} "
        f"--public-key {release.public_key()} --listen 127.0.0.1:7710 --public-url http://127.0.0.1:7710",
        0, "Kaching serves on http://127.0.0.1:7710", "kaching-root:", "/var/lib/kaching/first-token",
    )
    expect(root, "curl -sf http://127.0.0.1:7710/health", 0)
    token = root.run("cat /var/lib/kaching/first-token").strip()
    holds(len(token) > 20 and token not in out, "install.sh prints the first token")
    modes = root.run(f"stat -c '%a %U %G %n' {PROGRAM} /etc/kaching/config.toml /var/lib/kaching /usr/local/share/man/man1/kaching.1.gz")
    for line in (f"755 root root {PROGRAM}", "640 root kaching /etc/kaching/config.toml", "700 kaching kaching /var/lib/kaching",
                 "644 root root /usr/local/share/man/man1/kaching.1.gz"):
        holds(line in modes.splitlines(), f"not {line}:\n{modes}")
    holds("altered" not in root.run("cat /etc/kaching/config.toml"), "an unpacked file was installed, not the verified one")
    expect(root, f"mv /root/kept '{release.folder}/config.toml'; grep -rl altered /etc/kaching", 1)
    expect(root, "systemctl is-enabled kaching; systemctl is-active kaching", 0, "enabled", "active")
    expect(root, "readlink /var/lib/kaching/config.toml; grep -x 'listen = \"127.0.0.1:7710\"' /etc/kaching/config.toml", 0)
    show("install.sh on a full disk: says which; completed by the next run, which serves on the address given, with the modes of "
         "the contract, and prints no token")


def repeated(root: Root, release: Release):
    """A second run changes nothing, and an option that is not what the settings say is an error."""
    pid = main_pid(root)
    out = unchanged(root, release.install, 0, "unchanged      kaching.service runs", "Kaching serves on http://127.0.0.1:7710")
    holds(not any(word in out for word in ("created", "updated", "restarted")), f"a second run changed something:\n{out}")
    unchanged(root, f"{release.install} --listen 127.0.0.1:7710", 0)
    unchanged(root, f"{release.install} --listen 0.0.0.0:80", 1, "is not what /etc/kaching/config.toml says, which is kept")
    expect(root, "cp -p /etc/kaching/config.toml /root/kept; echo 'unknown = 1' >> /etc/kaching/config.toml", 0)
    unchanged(root, release.install, 1, "do not suit kaching", "Nothing was changed")
    expect(root, "cp -p /root/kept /etc/kaching/config.toml", 0)
    holds(main_pid(root) == pid, "a second run restarted the service")
    show("install.sh again: no file changed, no restart; a differing option and unknown settings refused")


def upgraded(root: Root, release: Release):
    """Another program is put in place and started; licenses and settings are kept, also if the run was killed."""
    license = create_license(root)
    next_folder = "/opt/next/" + release.name
    expect(root, f"mkdir -p /opt/next && cp -a '{release.folder}' {next_folder} && echo >> {next_folder}/kaching", 0)
    before = main_pid(root)
    unchanged(root, f"{next_folder}/install.sh --dry-run", 0, f"would update   {PROGRAM}", "would restart  kaching.service")
    expect(root, f"{next_folder}/install.sh", 0, f"updated        {PROGRAM}", "restarted      kaching.service")
    holds(main_pid(root) != before, "the upgrade did not restart the service")
    before = main_pid(root)
    # Killed when the new program is there, before the service was restarted.
    killed(root, f"{release.install}", f"cmp -s {PROGRAM} '{release.folder}/kaching'")
    holds(main_pid(root) == before, "the run was killed too late to show anything")
    expect(root, release.install, 0, f"unchanged      {PROGRAM}", "restarted      kaching.service")
    holds(main_pid(root) != before, "the run after a killed one did not restart the service")
    expect(root, "kaching license list", 0, license, env=DATA)
    expect(root, "cmp /root/kept /etc/kaching/config.toml", 0)
    show("install.sh with another program: restarted, license and settings kept; killed in the middle, completed by the next run")


def with_sockets(root: Root, release: Release):
    """systemd listens for the service: an upgrade keeps that."""
    expect(root, "systemctl stop kaching && systemctl enable --now kaching.socket && systemctl start kaching && curl -sf http://127.0.0.1:7700/health", 0, "ok")
    expect(root, f"/opt/next/{release.name}/install.sh", 0, "restarted      kaching.service", "kaching-root:")
    expect(root, "systemctl is-active kaching.socket kaching && curl -sf http://127.0.0.1:7700/health", 0, "ok")
    expect(root, release.install, 0, "restarted      kaching.service")
    show("install.sh with kaching.socket enabled: upgraded, and systemd still listens")


def removed(root: Root, release: Release):
    license = create_license(root)
    unchanged(root, f"{release.install} --uninstall --dry-run", 0, f"would remove   {PROGRAM}")
    # Also next to a package that was installed since.
    expect(root, "touch /usr/bin/kaching", 0)
    unchanged(root, f"{release.install} --uninstall --dry-run", 0, f"would remove   {PROGRAM}", "systemctl enable --now kaching")
    expect(root, "rm /usr/bin/kaching", 0)
    expect(root, f"{release.install} --uninstall", 0, f"removed        {PROGRAM}", "are kept", "/var/lib/kaching")
    left = root.run("find / -xdev \\( -path /opt -o -path /usr/share -o -path /root \\) -prune -o -iname '*kaching*' -print", check=False).split()
    holds(sorted(left) == ["/etc/kaching", "/var/lib/kaching", *sorted(f for f in left if f.startswith("/var/lib/kaching/"))],
          f"left after --uninstall: {left}")
    expect(root, "systemctl status kaching", 4, "could not be found")
    expect(root, f"{release.install} --uninstall", 0, "are kept")
    # Killed in the first moment of an installation.
    killed(root, release.install, f"[ -e {PROGRAM} ]")
    expect(root, release.install, 0, "Kaching serves on http://127.0.0.1:7710")
    expect(root, "kaching license list", 0, license, env=DATA)
    show("install.sh --uninstall: only settings and data left; installed again, also after a kill, it has its licenses")


def broken(root: Root, release: Release):
    """A service that does not start says why, and the next run completes the installation."""
    expect(root, "cp -p /etc/kaching/config.toml /root/kept; systemctl stop kaching; "
                 "sed -i '/^\\[server\\]/a tls_cert = \"/nowhere.crt\"\\ntls_key = \"/nowhere.key\"' /etc/kaching/config.toml", 0)
    expect(root, release.install, 1, "/nowhere.crt")
    expect(root, "cp -p /root/kept /etc/kaching/config.toml", 0)
    expect(root, release.install, 0, "started        kaching.service")
    show("install.sh with a certificate that is missing: says which file; completed by the next run")


# ── what the cases use ──────────────────────────────────────────────────────────────────────────────────────────────

DATA = {"KACHING_DATA": "/var/lib/kaching"}


def main_pid(root: Root) -> str:
    return root.run("systemctl show --property MainPID --value kaching").strip()


def create_license(root: Root) -> str:
    """Creates a license of the sample product and returns its id."""
    root.run("kaching product show chorus >/dev/null 2>&1 || kaching seed >/dev/null", env=DATA)
    made = root.run("kaching license create --customer CUST-001 --product chorus --plan team --json", env=DATA)
    return json.loads(made)["id"]


def killed(root: Root, command: str, when: str):
    """Starts a command and kills it without notice as soon as a condition holds."""
    root.run(f"setsid {command} >/dev/null 2>&1 & pid=$!; until {when}; do kill -0 $pid || exit 1; done; kill -KILL -- -$pid")
