"""The hook of mkdocs.yml. It makes pages of files outside docs/, leads links to them, and has Markdown read as GitHub reads it,
for which the pages are written."""

import re
import tomllib
from pathlib import Path
from posixpath import dirname, join, normpath, relpath

from markdown.extensions import Extension
from markdown.preprocessors import Preprocessor
from mkdocs.structure.files import File

import reference

ROOT = Path(__file__).parents[3]
# Files of the repository and the pages that they become.
PAGES = {
    "README.md": "index.md",
    "ARCHITECTURE.md": "architecture.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "bench/README.md": "figures.md",
    "crates/client/README.md": "client.md",
    "deploy/README.md": "releases.md",
    "examples/cluster/README.md": "cluster.md",
    "examples/python/README.md": "python.md",
    "testdata/vectors/README.md": "vectors.md",
    "surface/error-codes.md": "api/codes.md",
}
# Files that are served as they are.
FILES = {
    "bench/load.svg": "load.svg",
    "bench/scale.svg": "scale.svg",
    "surface/openapi.json": "api/openapi.json",
    ".ci/deploy/site/site.css": "assets/site.css",
}
SOURCES = {page: source for source, page in PAGES.items()}
REPOSITORY = tomllib.loads((ROOT / "Cargo.toml").read_text())["workspace"]["package"]["repository"]
API = reference.pages(ROOT / "surface/openapi.json")


def on_config(config):
    runbooks = sorted((ROOT / "docs/runbooks").glob("*.md"))
    fill(config.nav, "Runbooks", [f"runbooks/{path.name}" for path in runbooks])
    fill(config.nav, "API", [{page.title: page.path} for page in API] + [{"Error codes": "api/codes.md"}])
    config.markdown_extensions.append(AsOnGithub())
    return config


def fill(nav: list, name: str, pages: list):
    """Puts the pages into the empty section of this name; without pages the section goes."""
    for entry in list(nav):
        for title, below in entry.items() if isinstance(entry, dict) else ():
            if title == name and pages:
                entry[title] = pages
            elif title == name:
                nav.remove(entry)
            elif isinstance(below, list):
                fill(below, name, pages)


def on_files(files, config):
    for source, page in {**PAGES, **FILES}.items():
        files.append(File.generated(config, page, abs_src_path=str(ROOT / source)))
    for page in API:
        files.append(File.generated(config, page.path, content=page.text))
    return files


def on_page_markdown(markdown, page, config, files):
    if page.is_homepage:
        page.meta["hide"] = ["navigation"]
    # The words after the language are for rustdoc.
    markdown = re.sub(r"(?m)^(\s*```\w+),\S+$", r"\1", markdown)
    source = SOURCES.get(page.file.src_uri, f"docs/{page.file.src_uri}")
    return outside_code(markdown, lambda text: re.sub(r"\]\(([^)\s]+)\)", lambda link: lead(link, source, page), text))


def lead(link: re.Match, source: str, page) -> str:
    """Returns a link of a repository's file as the site has it: to a page, to a file, or to the repository."""
    path, sharp, anchor = link[1].partition("#")
    if not path or re.match(r"[a-z]+:", path):
        return link[0]
    named = normpath(join(dirname(source), path))
    target = PAGES.get(named) or FILES.get(named)
    if not target and named.startswith("docs/"):
        target = named.removeprefix("docs/")
    if target:
        return f"]({relpath(target, dirname(page.file.src_uri) or '.')}{sharp}{anchor})"
    if (ROOT / named).exists():
        kind = "tree" if (ROOT / named).is_dir() else "blob"
        return f"]({REPOSITORY}/{kind}/main/{named}{sharp}{anchor})"
    return link[0]  # Leads nowhere, which mkdocs reports.


def outside_code(markdown: str, change) -> str:
    """Applies a change to the text between fenced blocks."""
    parts = re.split(r"(?ms)^(\s*```.*?^\s*```\s*?$)", markdown)
    return "".join(part if at % 2 else change(part) for at, part in enumerate(parts))


class AsOnGithub(Extension):
    """Lists need no empty line before them, and what belongs to their items is indented by two."""

    def extendMarkdown(self, md):
        md.tab_length = 2
        md.preprocessors.register(ListsInterrupt(md), "lists-interrupt", 20)


class ListsInterrupt(Preprocessor):
    def run(self, lines):
        out = []
        for line in lines:
            item = re.match(r"( *)([-*]|\d+\.) ", line)
            before = out[-1] if out else ""
            if item and before.strip() and not re.match(r" *([-*]|\d+\.) |  ", before):
                out.append("")
            out.append(line)
        return out
