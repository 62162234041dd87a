"""Becomes the process of a container: mounts its root, gives up all rights and runs its command.

It runs in namespaces of its own, which kubelet.py makes, and reads what to do from the standard input, as JSON.
"""

import ctypes
import json
import os
import subprocess
import sys

DEVICES = ["null", "zero", "full", "random", "urandom"]
PR_SET_NO_NEW_PRIVS = 38


def mount(*arguments: str):
    subprocess.run(["mount", *arguments], check=True)


def bind(source: str, target: str, options: str):
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        if not os.path.exists(target):
            open(target, "x").close()
    mount("--bind", source, target)
    mount("-o", f"remount,bind,{options}", target)


def main():
    todo = json.loads(sys.stdin.readline())
    root = todo["root"]
    mount("--make-rprivate", "/")
    mount("-t", "tmpfs", "-o", "mode=755", "tmpfs", root)
    for device in DEVICES:
        bind(f"/dev/{device}", f"{root}/dev/{device}", "rw")
    os.mkdir(f"{root}/proc")
    mount("-t", "proc", "proc", f"{root}/proc")
    for source, target, options in todo["mounts"]:
        bind(source, root + target, options)
    if todo["read_only"]:
        mount("-o", "remount,ro", root)
    os.chroot(root)
    os.chdir("/")
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.setgroups(todo["groups"])
    os.setgid(todo["group"])
    # From another user than root, the capabilities are gone, and without new privileges they do not come back.
    os.setuid(todo["user"])
    ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    os.umask(0o022)
    os.execve(todo["command"][0], todo["command"], todo["environment"])


main()
