"""The RPM package, by Debian's rpm in a fresh Debian with a real systemd. Its database does not know Debian's packages, so
that dependencies are left out (--nodeps); scripts, files and what is kept are as on other systems."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "common"))

import machine  # noqa: E402
from debian import PACKAGES  # noqa: E402
from roots import Root  # noqa: E402
from said import check, say  # noqa: E402


def everything(dist: Path, version: str, older: Path):
    with Root(PACKAGES, boot=True) as root:
        root.copy(next(older.glob("*.rpm")), "/root/older.rpm")
        root.copy(dist / f"kaching-{version}-1.x86_64.rpm", "/root/kaching.rpm")
        root.run("rpm --initdb")
        printed = root.run("rpm --install --nodeps older.rpm")
        check("systemctl enable --now kaching" in printed, f"it does not say how to start: {printed}")
        root.run("systemctl enable --now kaching")
        machine.complete(root, version, "/usr/share/zsh/site-functions")
        license = machine.create_license(root)
        machine.has_license(root, license)
        say("rpm: the older version is installed, serves when it is enabled; user, modes, manual, completion are right")

        machine.change_settings(root)
        before = machine.process(root)
        root.run("rpm --upgrade --nodeps kaching.rpm")
        check(root.run("rpm --query kaching").strip() == f"kaching-{version}-1.x86_64", "it is not upgraded")
        check(before != machine.process(root), "the upgrade did not restart the service")
        machine.has_license(root, license)
        machine.keeps_settings(root)
        root.run("test -s /etc/kaching/config.toml.rpmnew")
        say("rpm: upgraded: the service restarted, the license and the operator's config.toml are there")

        files = machine.listing(root)
        printed = root.run("rpm --erase kaching")
        check("/var/lib/kaching is kept" in printed, f"the removal does not say what it keeps: {printed}")
        check(root.run("systemctl is-active kaching", check=False).strip() == "inactive", "the service runs on")
        check(machine.listing(root) == files, "a removal changed the data")
        root.run("! test -e /usr/bin/kaching && grep token_burst /etc/kaching/config.toml.rpmsave")
        root.run("rpm --install --nodeps kaching.rpm && systemctl enable --now kaching")
        machine.has_license(root, license)
        say("rpm: removed and installed again: the license is there, the settings are in config.toml.rpmsave")
