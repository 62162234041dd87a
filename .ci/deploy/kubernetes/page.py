"""The commands of docs/kubernetes.md."""

import re
import subprocess
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs/kubernetes.md"


def blocks(section: str, language: str = "sh") -> list[str]:
    """Returns the blocks of a section, in order."""
    level = section.split(" ")[0]
    text = PAGE.read_text().split(f"\n{section}\n", 1)[1]
    text = re.split(rf"\n#{{1,{len(level)}}} ", text, maxsplit=1)[0]
    return re.findall(rf"```{language}\n(.*?)```", text, re.S)


def run(section: str, folder: Path) -> Path:
    """Runs the first block of a section in a directory."""
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", blocks(section)[0]], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{PAGE.name}, {section}: {done.stderr}")
    return folder
