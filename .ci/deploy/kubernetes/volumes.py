"""The volumes of a pod, with the owners and modes that the kubelet of Kubernetes gives them."""

import os
import stat
from pathlib import Path

# From the kubelet's pkg/volume/volume_linux.go.
READ_WRITE, READ_ONLY, EXECUTE = 0o660, 0o440, 0o110


def prepare(node, pod: str, volume: dict, security: dict) -> tuple[Path, str]:
    """Makes a volume as it is when the containers of a pod start; returns its directory and how it is mounted."""
    group = security.get("fsGroup")
    if "persistentVolumeClaim" in volume:
        directory = node.claim(volume["persistentVolumeClaim"]["claimName"])
        if not (security.get("fsGroupChangePolicy") == "OnRootMismatch" and matches(directory, group)):
            own(directory, group, READ_WRITE)
        return directory, "rw"
    directory = node.directory / "volumes" / f"{pod}-{volume['name']}-{node.count()}"
    directory.mkdir(parents=True)
    directory.chmod(0o777)
    if "emptyDir" in volume:
        own(directory, group, READ_WRITE)
        return directory, "rw"
    files, mode = contents(node, volume)
    project(directory, files, mode)
    own(directory, group, READ_ONLY)
    return directory, "ro"


def contents(node, volume: dict) -> tuple[dict[str, bytes], int]:
    """Returns the files of a volume that is made of objects."""
    if "projected" in volume:
        files = {}
        for source in volume["projected"]["sources"]:
            (kind, one), = source.items()
            files |= taken(node.objects[kind, one["name"]], one.get("items"))
        return files, volume["projected"].get("defaultMode", 0o644)
    if "secret" in volume:
        one = volume["secret"]
        return taken(node.objects["secret", one["secretName"]], one.get("items")), one.get("defaultMode", 0o644)
    if "configMap" in volume:
        one = volume["configMap"]
        return taken(node.objects["configMap", one["name"]], one.get("items")), one.get("defaultMode", 0o644)
    if "csi" in volume:
        name = volume["csi"]["volumeAttributes"]["secretProviderClass"]
        return node.objects["secretProviderClass", name], 0o644
    raise SystemExit(f"a volume of an unknown kind: {volume}")


def taken(data: dict[str, bytes], items: list | None) -> dict[str, bytes]:
    return {item["path"]: data[item["key"]] for item in items} if items else data


def project(directory: Path, files: dict[str, bytes], mode: int):
    """Writes files as the kubelet does: in a directory of their time, with links to it, so that all change together."""
    real = directory / "..2026_01_02_03_04_05.6"
    real.mkdir(mode=0o755)
    for name, content in files.items():
        (real / name).write_bytes(content)
        (real / name).chmod(mode)
        (directory / name).symlink_to(f"..data/{name}")
    (directory / "..data").symlink_to(real.name)


def own(directory: Path, group: int | None, mask: int):
    """Gives everything in a volume to the group of the pod."""
    if group is None:
        return
    for path in [directory, *directory.rglob("*")]:
        os.lchown(path, -1, group)
        if path.is_symlink():
            continue
        mode = stat.S_IMODE(path.stat().st_mode) | mask
        path.chmod(mode | stat.S_ISGID | EXECUTE if path.is_dir() else mode)


def matches(directory: Path, group: int | None) -> bool:
    found = directory.stat()
    wanted = READ_WRITE | EXECUTE | stat.S_ISGID
    return found.st_gid == group and found.st_mode & wanted == wanted
