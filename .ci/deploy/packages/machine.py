"""What holds on a machine with the package, whichever format it has."""

import json
import re

from said import check

LICENSE = "kaching seed && kaching license create --customer CUST-001 --product chorus --plan team --json"
SETTINGS = "\n[limits]\n# an operator's own\ntoken_burst = 900\n"


def complete(root, version: str, zsh: str):
    """Binary, user, files with their modes, manual, completion, and settings that the authority reads."""
    printed = root.run("kaching --version").strip()
    check(printed.startswith(f"kaching {version} ("), f"kaching --version prints {printed}")
    user = root.run("getent passwd kaching").strip().split(":")
    check(user[5] == "/var/lib/kaching" and user[6].endswith("nologin"), f"the user is {user}")
    modes = root.run(
        "stat --format '%n %a %U:%G' /usr/bin/kaching /etc/kaching/config.toml /var/lib/kaching"
        " /usr/share/kaching/install-product.sh"
    ).splitlines()
    expected = [
        "/usr/bin/kaching 755 root:root", "/etc/kaching/config.toml 640 root:kaching",
        "/var/lib/kaching 700 kaching:kaching", "/usr/share/kaching/install-product.sh 755 root:root",
    ]  # fmt: skip
    check(modes == expected, f"the modes are {modes}, not {expected}")
    link = root.run("readlink /var/lib/kaching/config.toml").strip()
    check(link == "/etc/kaching/config.toml", f"/var/lib/kaching/config.toml points to {link}")
    check("KACHING" in root.run("man --pager=cat kaching | head -n 1").upper(), "there is no manual page")
    check("license" in root.run("man --pager=cat kaching-license-create | col -b"), "a manual page lacks its text")
    complete = root.run("bash -c '. /usr/share/bash-completion/bash_completion; _completion_loader kaching; complete -p kaching'")
    check("kaching" in complete, f"bash completes nothing: {complete}")
    root.run(f"test -s {zsh}/_kaching -a -s /usr/share/fish/vendor_completions.d/kaching.fish")
    root.run("cd /usr/share/kaching && ls prometheus/* alertmanager/* grafana/* && test -s /usr/share/doc/kaching/LICENSE")
    root.run("systemctl cat kaching.service kaching.socket kaching-admin.socket")


def create_license(root) -> str:
    printed = root.run(LICENSE)
    created = json.loads(printed[printed.index("\n{") :])
    return re.search(r"lic_\w+", json.dumps(created)).group()


def has_license(root, license: str):
    root.run("systemctl is-active kaching")
    check(license in root.run("kaching license list --json"), f"the license {license} is gone")


def process(root) -> str:
    return root.run("systemctl show --property MainPID --value kaching").strip()


def change_settings(root):
    root.run(f"cat >>/etc/kaching/config.toml <<'EOF'{SETTINGS}EOF")


def keeps_settings(root):
    check("token_burst = 900" in root.run("cat /etc/kaching/config.toml"), "the operator's settings are gone")
    check("900" in root.run("kaching config show | grep token_burst"), "the authority does not read its settings")


def listing(root) -> str:
    """Every file of the data, with its size but for what the authority writes all the time."""
    return root.run("find /var/lib/kaching -type f ! -name '*-wal' ! -name '*-shm' | sort; sha256sum /var/lib/kaching/master.key")
