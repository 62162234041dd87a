"""Each alert has a runbook, each runbook an alert, and docs/metrics.md lists them as they are.

KACHING_ACCEPT=1 writes the table of docs/metrics.md.
"""

import os
import re

from shared import ROOT, RUNBOOK_BASE, RUNBOOKS, alerts, expect

SECTIONS = ["What it means", "Look", "Do", "When to wake whom"]
HEAD = "| alert | severity | rings when | runbook |\n|---|---|---|---|\n"


def check() -> None:
    runbooks()
    table()


def runbooks() -> None:
    pages = {path.stem: path.read_text() for path in RUNBOOKS.glob("*.md")}
    named: dict[str, set[str]] = {
        stem: set(re.findall(r"`(Kaching[A-Z]\w+)`", text.split("\n## ")[0])) for stem, text in pages.items()
    }
    for name, rule in alerts().items():
        labels, notes = rule["labels"], rule["annotations"]
        topic, severity = labels["topic"], labels["severity"]
        expect(severity in ("page", "ticket"), f"{name} is neither a page nor a ticket")
        expect(set(notes) == {"summary", "description", "runbook_url"}, f"{name} has the annotations {sorted(notes)}")
        expect(notes["runbook_url"] == f"{RUNBOOK_BASE}{topic}.md", f"{name} links to {notes['runbook_url']}")
        expect(topic in pages, f"{name} has no runbook docs/runbooks/{topic}.md")
        expect(name in named[topic], f"docs/runbooks/{topic}.md does not name {name} at its top")
        line = next(line for line in pages[topic].splitlines() if f"`{name}`" in line)
        expect(severity in line, f"docs/runbooks/{topic}.md does not say that {name} is a {severity}")
    for stem, text in pages.items():
        expect(named[stem], f"docs/runbooks/{stem}.md has no alert")
        for name in named[stem]:
            expect(name in alerts() and alerts()[name]["labels"]["topic"] == stem, f"docs/runbooks/{stem}.md: {name} is no alert of it")
        found = re.findall(r"^## (.*)$", text, re.M)
        expect(found == SECTIONS, f"docs/runbooks/{stem}.md has the sections {found}")
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            expect((RUNBOOKS / target).exists(), f"docs/runbooks/{stem}.md links to {target}, which does not exist")
    print(f"{len(alerts())} alerts have {len(pages)} runbooks, and no runbook is without an alert")


def table() -> None:
    rows = HEAD
    for name, rule in alerts().items():
        lasts = f" for {rule['for']}" if "for" in rule else ""
        condition = " ".join(rule["expr"].split()).replace("|", "\\|")
        labels = rule["labels"]
        rows += f"| `{name}` | {labels['severity']} | `{condition}`{lasts} | [{labels['topic']}](runbooks/{labels['topic']}.md) |\n"
    page = ROOT / "docs/metrics.md"
    text = page.read_text()
    found = re.search(re.escape(HEAD) + r"(\|.*\n)+", text)
    expect(found, "docs/metrics.md has no table of alerts")
    if os.environ.get("KACHING_ACCEPT") and found[0] != rows:
        page.write_text(text.replace(found[0], rows))
        print("docs/metrics.md: the table of alerts is written")
        return
    expect(found[0] == rows, "the table of docs/metrics.md is not that of the rules: KACHING_ACCEPT=1 check.py files writes it")
    print("docs/metrics.md lists each alert with its severity, condition and runbook")
