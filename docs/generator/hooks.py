"""What mkdocs does beside: pages that are made from the code, and pages that stand elsewhere in the repository.

A link on a page is written for the repository, so that it works where the file is read; here it is turned to the page
of the site that the file became. A link to a file that is no page (a script, a setting) is left as its text.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]

ELSEWHERE = {
    "CHANGELOG.md": "changes.md",
    "CODE_OF_CONDUCT.md": "code-of-conduct.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "README.md": "index.md",
    "deploy/README.md": "clusters/index.md",
    "deploy/databricks/README.md": "clusters/databricks.md",
    "deploy/emr/README.md": "clusters/emr.md",
    "deploy/kubernetes/README.md": "clusters/kubernetes.md",
    "deploy/standalone/README.md": "clusters/standalone.md",
    "examples/README.md": "examples.md",
    "prox_spark/models/README.md": "models.md",
    "conf/base.yaml": "reference/configuration.md",
    "prox_spark/lake/schema.py": "reference/tables.md",
    "prox_spark/program/operations.py": "reference/reasons.md",
    "prox_spark/spark/conditions.py": "reference/failures.md",
}
"""Files of the repository, and the pages that they are on the site; a page that the site has of its own stays."""

HOME = {page: place for place, page in ELSEWHERE.items() if place.endswith(".md") and page != "index.md"}
SESSION = re.compile(r"^```python(?=\n>>> )", re.MULTILINE)
"""A block that shows what Python prints: as a session, what is printed is not coloured as code."""
LINK = re.compile(r"(?<![!`])\[(?P<text>[^\]\n]*)\]\((?P<target>[^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in docs/."""
    for page, place in HOME.items():
        files.append(File.generated(config, page, content=(ROOT / place).read_text(encoding="utf-8")))
    for made in sorted((ROOT / "build" / "reference").glob("*.md")):
        content = made.read_text(encoding="utf-8")
        files.append(File.generated(config, f"reference/{made.name}", content=content))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn links between files into links between pages."""
    uri = page.file.src_uri
    place = HOME.get(uri, f"docs/{uri}")

    def turned(match: re.Match[str]) -> str:
        text, (target, hash_, anchor) = match["text"], match["target"].partition("#")
        if not target or re.match(r"[a-z]+:", target):
            return match[0]
        file = posixpath.normpath(posixpath.join(posixpath.dirname(place), target))
        to = ELSEWHERE.get(file, file.removeprefix("docs/") if file.startswith("docs/") else None)
        if to is None:
            if not (ROOT / file).exists():
                return match[0]  # mkdocs then says that the link is broken
            return text
        return f"[{text}]({posixpath.relpath(to, posixpath.dirname(uri) or '.')}{hash_}{anchor})"

    return SESSION.sub("```pycon", LINK.sub(turned, markdown))
