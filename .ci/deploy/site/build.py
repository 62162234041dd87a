"""Builds the site: `build.py DIRECTORY`. It fails if a link leads nowhere, if a page is in no menu, or if a page loads something
from another host."""

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

ROOT = Path(__file__).parents[3]
LOADED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src", "video": "src", "audio": "src", "object": "data"}
# A link of these kinds names a page and loads nothing.
NAMED = {"canonical", "next", "prev", "alternate"}


class Loads(HTMLParser):
    """Collects what a page loads from elsewhere."""

    def __init__(self):
        super().__init__()
        self.foreign = []
        self.calls = 0

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.calls += tag == "h2" and "call" in (found.get("class") or "").split()
        if tag == "link" and found.get("rel") in NAMED:
            return
        url = found.get(LOADED.get(tag, ""), "") or ""
        if re.match(r"([a-z]+:)?//", url):
            self.foreign.append(url)


def main(directory: Path):
    # With --quiet, warnings would not be counted.
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", ROOT / "mkdocs.yml", "--site-dir", directory]
    built = subprocess.run(command, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}, capture_output=True, text=True)
    if built.returncode != 0:
        raise SystemExit(f"the site cannot be built:\n{built.stdout}{built.stderr}")
    pages = sorted(directory.rglob("*.html"))
    calls = 0
    for page in pages:
        loads = Loads()
        loads.feed(page.read_text())
        if loads.foreign:
            raise SystemExit(f"{page.relative_to(directory)} loads from another host: {', '.join(loads.foreign)}")
        calls += loads.calls
    for sheet in directory.rglob("*.css"):
        if foreign := re.search(r"url\([\"']?(https?:)?//[^)]*\)|@import[^;]*//", sheet.read_text()):
            raise SystemExit(f"{sheet.relative_to(directory)} loads from another host: {foreign[0]}")
    described = sum(line.startswith('        "operationId"') for line in (ROOT / "surface/openapi.json").read_text().splitlines())
    if not calls or calls != described:
        raise SystemExit(f"the site has {calls} calls of the API, openapi.json {described}")
    size = sum(file.stat().st_size for file in directory.rglob("*") if file.is_file())
    print(f"the site has {len(pages)} pages and {calls} calls of the API in {size / 1e6:.1f} MB, and loads nothing from other hosts")


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
