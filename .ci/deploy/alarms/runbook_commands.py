"""The commands of the runbooks exist: each `kaching …` is parsed by the binary, which then prints its help."""

import re
import shlex
import subprocess
from pathlib import Path

from shared import RUNBOOKS, expect


def check_commands(binary: Path) -> None:
    checked = 0
    for page in sorted(RUNBOOKS.glob("*.md")):
        text = page.read_text()
        shown = re.findall(r"^(kaching [^#\n]*)", text, re.M) + re.findall(r"`(kaching [^`]*)`", text)
        for command in shown:
            words = shlex.split(command)[1:]
            ran = subprocess.run([binary, *words, "--help"], capture_output=True, text=True)
            expect(ran.returncode == 0, f"{page.name}: {command}\n{ran.stderr}")
            checked += 1
    expect(checked > 20, f"only {checked} commands were found in the runbooks")
    print(f"{checked} commands of the runbooks are commands of {binary.name}")
