"""The server under a real systemd, with the units as they are: each of `check`'s parts is a fresh machine."""

import re
import time
from pathlib import Path

import restarts
from roots import Root

TLS = Path(__file__).parents[3] / "crates/server/tests/tls"
LONGEST = 90.0


def check(program: Path, units: Path, times: int):
    with Root(boot=True) as root:
        install(root, program, units)
        starts(root)
        belongs_to_its_user(root)
        is_restarted_when_stuck(root)
        writes_where_it_may(root)
    with Root(["postgresql"], boot=True) as root:
        install(root, program, units)
        outlives_its_database(root)
    for sockets in (True, False):
        with Root(boot=True) as root:
            install(root, program, units)
            if sockets:
                serves_on_sockets(root)
            restarts.under_load(root, times if sockets else max(times // 10, 5), sockets)


def install(root: Root, program: Path, units: Path):
    """Puts the files where a package does, and does what its script does."""
    root.copy(program, "/usr/bin/kaching", 0o755)
    for unit in ("kaching.service", "kaching.socket", "kaching-admin.socket"):
        root.copy(units / unit, f"/usr/lib/systemd/system/{unit}", 0o644)
    root.copy(units / "kaching.sysusers", "/usr/lib/sysusers.d/kaching.conf", 0o644)
    root.copy(units / "kaching.tmpfiles", "/usr/lib/tmpfiles.d/kaching.conf", 0o644)
    root.run("mkdir /etc/kaching && touch /etc/kaching/config.toml")
    root.run("systemd-sysusers && systemd-tmpfiles --create kaching.conf && systemctl daemon-reload")


def drop_in(root: Root, text: str):
    root.run("mkdir -p /etc/systemd/system/kaching.service.d && cat >/etc/systemd/system/kaching.service.d/test.conf", input=text)
    root.run("systemctl daemon-reload")


def shown(root: Root, name: str) -> str:
    return root.run(f"systemctl show --value --property={name} kaching.service").strip()


def until(holds, otherwise: str) -> float:
    """Waits until it holds, and returns how long that took."""
    began = time.monotonic()
    while not holds():
        if time.monotonic() - began > LONGEST:
            raise SystemExit(otherwise)
        time.sleep(0.05)
    return time.monotonic() - began


def answers(root: Root, url: str = "http://127.0.0.1:7700/health") -> bool:
    root.run(f"curl --silent --fail --insecure --max-time 2 {url}", check=False)
    return root.code == 0


def expect(holds: bool, otherwise: str):
    if not holds:
        raise SystemExit(otherwise)


def starts(root: Root):
    root.run("systemctl start kaching && curl --silent --show-error --fail http://127.0.0.1:7700/health")
    status = shown(root, "StatusText")
    expect(status == "Serves products on http://127.0.0.1:7700", f"the status is '{status}'")
    # One that never says that it is ready is not taken for started.
    drop_in(root, "[Service]\nExecStart=\nExecStart=sleep infinity\nTimeoutStartSec=1s\nRestart=no\n")
    root.run("systemctl restart kaching", check=False)
    expect(root.code != 0 and shown(root, "Result") == "timeout", "a program that is never ready counts as started")
    root.run("rm -r /etc/systemd/system/kaching.service.d && systemctl daemon-reload && systemctl start kaching")
    expect(answers(root), "started, but it does not answer")
    print(f"systemctl start returns when it serves: 3 of 3, with the status '{status}'")

    limits = root.run(f"cat /proc/{shown(root, 'MainPID')}/limits")
    core = re.search(r"Max core file size +(\d+) +(\d+)", limits).groups()
    files = int(re.search(r"Max open files +(\d+)", limits)[1])
    # A machine may allow a process fewer than the unit asks for.
    most = min(65536, int(root.run("cat /proc/sys/fs/nr_open")), int(root.run("ulimit -Hn")))
    expect(core == ("0", "0") and files >= most, f"limits: core {core}, files {files} of {most}")
    print(f"limits: core files {'/'.join(core)} bytes, open files {files} (this machine allows {most})")


def belongs_to_its_user(root: Root):
    listed = root.run("find /var/lib/kaching /etc/kaching -printf '%m %u:%g %p\\n'")
    for line in listed.splitlines():
        mode, owner, path = line.split(" ", 2)
        right = {
            "/etc/kaching": ("755", "root:root"),
            "/etc/kaching/config.toml": ("640", "root:kaching"),
            "/var/lib/kaching": ("700", "kaching:kaching"),
            "/var/lib/kaching/config.toml": ("777", "root:root"),
        }.get(path, ("600", "kaching:kaching"))
        expect((mode, owner) == right, f"{path} is {mode} {owner}, not {' '.join(right)}")
    print(f"{len(listed.splitlines())} files have the owners and modes they should have")

    root.run("kaching product create --code atlas --name Atlas")
    root.run("systemctl stop kaching")
    said = root.run("kaching product list", check=False)
    expect(root.code == 1 and "sudo -u kaching kaching" in said, f"root spoils the directory, or it is not said how not to: {said}")
    expect("atlas" in root.run("runuser -u kaching -- kaching product list"), "the user of the service has no access")
    others = root.run("find /var/lib/kaching ! -user kaching ! -type l")
    expect(not others, f"files of others: {others}")
    root.run("systemctl start kaching")
    expect("atlas" in root.run("kaching product list"), "root has no access over the socket")
    print("root works over the socket of the server; without it, it is refused and leaves no file; the service's user works both ways")

    root.run("systemctl stop kaching && chmod 644 /etc/kaching/config.toml && echo '[keys]\nroot_passphrase = \"secret\"' >/etc/kaching/config.toml")
    said = root.run("runuser -u kaching -- kaching serve", check=False)
    expect(root.code == 1 and "chmod o= /etc/kaching/config.toml" in said, f"settings with a secret are open to all: {said}")
    root.run("systemd-tmpfiles --create kaching.conf && : >/etc/kaching/config.toml")
    print("settings with a secret that all can read are refused, and systemd-tmpfiles closes them")


def is_restarted_when_stuck(root: Root):
    # For longer than the watchdog's time, it gives signs of life.
    drop_in(root, "[Service]\nWatchdogSec=2s\nRestartSec=100ms\n"
                  "ExecStopPost=+sh -c 'echo $$SERVICE_RESULT >>/run/results'\n")
    root.run("systemctl restart kaching && sleep 5")
    expect(shown(root, "NRestarts") == "0" and answers(root), "the watchdog ends a server that works")
    root.run(f"kill -STOP {shown(root, 'MainPID')}")
    took = until(lambda: shown(root, "NRestarts") == "1" and answers(root), "a stopped process is not restarted")
    expect(root.run("tail -n 1 /run/results").strip() == "watchdog", "it is restarted, but not by the watchdog")
    print(f"kill -STOP: the watchdog (2 s) has it restarted, and it answers again after {took:.1f} s")
    root.run("rm -r /etc/systemd/system/kaching.service.d && systemctl daemon-reload")


def writes_where_it_may(root: Root):
    root.run("install -d -o kaching -g kaching -m 700 /var/backups/kaching && install -d -o root -g kaching -m 750 /etc/kaching/tls")
    for name in ("chain-1", "key-1"):
        root.copy(TLS / f"{name}.pem", f"/etc/kaching/tls/{name}.pem")
    root.run("chown root:kaching /etc/kaching/tls/* && chmod 640 /etc/kaching/tls/*")
    root.run("cat >/etc/kaching/config.toml", input="""
[server]
tls_cert = "/etc/kaching/tls/chain-1.pem"
tls_key = "/etc/kaching/tls/key-1.pem"
[backup]
directory = "/var/backups/kaching"
""")
    # A backup is made at the next start after it was due.
    drop_in(root, "[Service]\nReadWritePaths=/var/backups/kaching\n")
    root.run("systemctl restart kaching")
    expect(answers(root, "https://127.0.0.1:7700/health"), "no answer over TLS")
    until(lambda: root.run("ls /var/backups/kaching").strip(), "no backup is made into the directory of the drop-in")
    print(f"TLS with files of /etc/kaching/tls; a backup by schedule: {root.run('ls /var/backups/kaching').split()[0]}")
    root.run("systemctl stop kaching && rm -r /etc/systemd/system/kaching.service.d && : >/etc/kaching/config.toml")


def outlives_its_database(root: Root):
    root.run("until pg_isready; do sleep 0.1; done; runuser -u postgres -- createuser kaching && "
             "runuser -u postgres -- createdb --owner=kaching kaching && "
             "runuser -u postgres -- psql --quiet --command=\"alter role kaching password 'a-password'\"")
    for way, url in {
        "TCP": "postgres://kaching:a-password@127.0.0.1/kaching",
        "a Unix socket": "postgres://kaching@%2Frun%2Fpostgresql/kaching",
    }.items():
        root.run(f"echo 'KACHING_DATABASE__URL={url}' >/etc/kaching/environment && systemd-tmpfiles --create kaching.conf")
        root.run("systemctl restart kaching && curl --silent --show-error --fail http://127.0.0.1:7700/ready")
        print(f"ready with PostgreSQL over {way}")

    drop_in(root, "[Service]\nWatchdogSec=2s\nRestartSec=1s\n")
    root.run("systemctl restart kaching && systemctl stop postgresql && sleep 6")
    expect(shown(root, "NRestarts") == "0", "the watchdog ends a server whose database is away")
    expect(answers(root) and not answers(root, "http://127.0.0.1:7700/ready"), "it should live, and not be ready")
    root.run("systemctl start postgresql")
    took = until(lambda: answers(root, "http://127.0.0.1:7700/ready"), "it is not ready when the database is back")
    print(f"PostgreSQL away for 6 s: no restart, and ready again {took:.1f} s after it is back")

    root.run("systemctl stop postgresql")
    root.run("systemctl restart --no-block kaching")
    until(lambda: int(shown(root, "NRestarts")) >= 3, "a start without the database is not tried again")
    tries = int(shown(root, "NRestarts"))
    root.run("systemctl start postgresql")
    took = until(lambda: answers(root, "http://127.0.0.1:7700/ready"), "it does not start when the database is back")
    print(f"started without PostgreSQL: tried again each second, {tries} times until it was back, and ready {took:.1f} s later")


def serves_on_sockets(root: Root):
    # As the documentation says: a port that only a privileged process opens, for everyone; operators on an address of their own.
    root.run("systemctl start kaching")
    root.run("mkdir /etc/systemd/system/kaching.socket.d && cat >/etc/systemd/system/kaching.socket.d/test.conf",
             input="[Socket]\nListenStream=\nListenStream=0.0.0.0:443\n")
    root.run("systemctl daemon-reload && systemctl stop kaching")
    root.run("systemctl enable --now kaching.socket kaching-admin.socket && systemctl start kaching")
    expect(answers(root, "http://127.0.0.1:443/health"), "no answer on the socket's port")
    expect(not answers(root, "http://127.0.0.1:443/metrics"), "operators are on the address of products")
    expect(answers(root, "http://127.0.0.1:7701/metrics"), "operators have no address")
    expect(not answers(root), "it listens on the address of the settings, too")
    root.run("systemctl stop kaching.socket kaching")
    expect(not answers(root, "http://127.0.0.1:443/health"), "stopped, but it answers")
    root.run("rm -r /etc/systemd/system/kaching.socket.d && systemctl daemon-reload")
    print("sockets: products on 0.0.0.0:443 without a privilege, operators on 127.0.0.1:7701 alone; stopped with their sockets")
