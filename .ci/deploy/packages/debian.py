"""The Debian package in a fresh Debian with a real systemd: installed, upgraded, removed, installed again, purged."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

import machine  # noqa: E402
from roots import Root  # noqa: E402
from said import check, say  # noqa: E402

PACKAGES = ["bash-completion", "man-db", "rpm"]
# apt's cache is not in the root, and there is no network: all that the package needs is there.
INSTALL = "mkdir -p /var/cache/apt/archives/partial; DEBIAN_FRONTEND=noninteractive apt-get install --yes -o Dpkg::Options::=--force-confold "
REMOVE = "DEBIAN_FRONTEND=noninteractive apt-get {} --yes kaching"


def everything(dist: Path, version: str, older: Path):
    with Root(PACKAGES, boot=True) as root:
        root.copy(next(older.glob("*.deb")), "/root/older.deb")
        root.copy(dist / f"kaching_{version}-1_amd64.deb", "/root/kaching.deb")
        root.run(INSTALL + "./older.deb")
        machine.complete(root, version, "/usr/share/zsh/vendor-completions")
        check("enabled" in root.run("systemctl is-enabled kaching"), "the service is not enabled")
        license = machine.create_license(root)
        machine.has_license(root, license)
        say(f"deb: the older version is installed, serves, and has the license {license}; user, modes, manual, completion are right")

        machine.change_settings(root)
        before = machine.process(root)
        root.run(INSTALL + "./kaching.deb")
        check(root.run("dpkg-query --show --showformat '${Version}' kaching") == f"{version}-1", "it is not upgraded")
        check(before != machine.process(root), "the upgrade did not restart the service")
        machine.has_license(root, license)
        machine.keeps_settings(root)
        say("deb: upgraded: the service restarted, the license and the operator's config.toml are there")

        root.run("systemctl disable --now kaching")
        root.run(INSTALL + "--reinstall ./kaching.deb")
        check(root.run("systemctl is-active kaching", check=False).strip() == "inactive", "a disabled service was started")
        root.run("systemctl enable --now kaching")
        say("deb: a service that an operator disabled stays off when the package is installed again")

        files = machine.listing(root)
        root.run(REMOVE.format("remove"))
        check(root.run("systemctl is-active kaching", check=False).strip() == "inactive", "the service runs on")
        check(machine.listing(root) == files, "a removal changed the data")
        root.run("! test -e /usr/bin/kaching && grep token_burst /etc/kaching/config.toml")
        root.run(INSTALL + "./kaching.deb")
        machine.has_license(root, license)
        machine.keeps_settings(root)
        say("deb: removed and installed again: the license and the settings are there")

        root.run("install -m 600 /dev/null /etc/kaching/environment")
        printed = root.run(REMOVE.format("purge"))
        check("/var/lib/kaching is kept" in printed, f"the purge does not say what it keeps: {printed}")
        check(machine.listing(root) == files, "a purge changed the data")
        root.run("! test -e /etc/kaching/config.toml && test -e /etc/kaching/environment")
        root.run(INSTALL + "./kaching.deb")
        machine.has_license(root, license)
        say("deb: purged: config.toml is gone, data and secrets are kept and named; installed again it has the license")
    with Root(PACKAGES) as root:
        root.copy(dist / f"kaching_{version}-1_amd64.deb", "/root/kaching.deb")
        root.run(INSTALL + "./kaching.deb")
        root.run(REMOVE.format("purge"))
        say("deb: installed and purged where no systemd runs, as in an image that is built")
