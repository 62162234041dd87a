"""A page of docs/ as a reader follows it: its fenced blocks in their order, and the marks at which the test does something."""

import re
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[3] / "docs"
# A block that is not run begins with this, and the reason.
NOT_RUN = "# Not run by the test"
MARK = re.compile(r"<!-- test: (.*) -->")


@dataclass
class Block:
    """A fenced block, or a mark, whose kind is `mark` and whose text is its name."""

    page: str
    line: int
    kind: str
    text: str
    section: str

    def __str__(self) -> str:
        return f"docs/{self.page}:{self.line}"


def read(page: str) -> list[Block]:
    blocks: list[Block] = []
    section, fence = "", None
    for number, line in enumerate((DOCS / page).read_text().splitlines(), 1):
        if fence is not None:
            if line.strip() == "```":
                fence = None
            else:
                fence.text += f"{line}\n"
        elif line.lstrip().startswith("```"):
            fence = Block(page, number + 1, line.strip().removeprefix("```"), "", section)
            blocks.append(fence)
        elif mark := MARK.fullmatch(line):
            blocks.append(Block(page, number, "mark", mark[1], section))
        elif line.startswith("## "):
            section = line.removeprefix("## ")
    return blocks


def faults(page: str) -> list[str]:
    """Returns what would keep commands of the page from being run in silence."""
    found, before = [], None
    for block in read(page):
        commands = re.search(r"(?m)^\s*(\$ |sudo |kaching |docker |helm |kubectl |curl )", block.text)
        if block.kind == "console":
            first = block.text.splitlines()[0] if block.text else ""
            if not first.startswith(NOT_RUN) or len(first) < len(NOT_RUN) + 10:
                found.append(f"{block}: a block that is not run needs the reason in its first line")
        elif block.kind == "text":
            if not before or before.kind != "sh":
                found.append(f"{block}: of which commands is this the output?")
        elif block.kind not in ("sh", "mark") and commands:
            found.append(f"{block}: commands in a block of {block.kind or 'no kind'}, which is not run")
        before = block
    return found
