"""What the README and the pages of docs/ show is true: code gives what is below it, commands and links are there."""

from __future__ import annotations

import doctest
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    *(ROOT / name for name in ("README.md", "CODE_OF_CONDUCT.md", "CONTRIBUTING.md", "SECURITY.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "deploy").rglob("README.md")),
    *sorted((ROOT / "examples").rglob("README.md")),
]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?<!`)\[[^\]\n]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(page: Path, language: str) -> list[str]:
    return [code for kind, code in BLOCK.findall(page.read_text(encoding="utf-8")) if kind == language]


def anchors(page: Path) -> set[str]:
    headings = HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


WITH_EXAMPLES = [page for page in PAGES if any(">>>" in code for code in blocks(page, "python"))]


@pytest.mark.parametrize("page", WITH_EXAMPLES, ids=name)
def test_the_code_of_a_page_gives_what_stands_below_it(page: Path) -> None:
    examples = "\n".join(code for code in blocks(page, "python") if ">>>" in code)
    parsed = doctest.DocTestParser().get_doctest(examples, {}, name(page), str(page), 0)
    report: list[str] = []
    doctest.DocTestRunner().run(parsed, out=report.append)
    assert not report, "".join(report)


def test_a_program_is_shown_on_the_front_page() -> None:
    assert ROOT / "README.md" in WITH_EXAMPLES


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_link_leads_to_a_file_and_a_heading_of_it(page: Path) -> None:
    for target in LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), f"{name(page)} links to {target}"
        assert not anchor or anchor in anchors(place), f"{name(page)} links to {target}"


def commands(page: Path) -> Iterator[list[str]]:
    """Give the words behind `prox-spark` of every line that a page tells one to type."""
    text = page.read_text(encoding="utf-8")
    indented = "\n".join(line[4:] for line in text.splitlines() if line.startswith("    "))
    shown = re.sub(r" *&& *", "\n", "\n".join([indented, *blocks(page, "console")]).replace("\\\n", " "))
    for line in re.findall(r"^(?:\S+=\S+ )?(?:\S*/)?prox-spark (.+)$", shown, re.MULTILINE):
        if not re.search(r"[|…]|\bCOMMAND\b", line.split(" #")[0]):
            yield shlex.split(line, comments=True)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_a_command_of_a_page_is_one_that_is_there_with_these_options(page: Path) -> None:
    import typer

    from prox_spark.cli.commands import app

    program = typer.main.get_command(app)
    for words in commands(page):
        with program.make_context("prox-spark", list(words), resilient_parsing=False) as outer:
            rest = [*outer._protected_args, *outer.args] if hasattr(outer, "_protected_args") else outer.args
            found, command, arguments = program.resolve_command(outer, rest)  # type: ignore[attr-defined]  # a group
            command.make_context(found, arguments, parent=outer)


def test_commands_are_found_on_the_front_page() -> None:
    named = {words[0] for words in commands(ROOT / "README.md")}
    assert {"demo", "ingest", "run", "history", "diff", "verify", "report", "export"} <= named


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_settings_on_a_page_are_settings_that_there_are(page: Path, tmp_path: Path) -> None:
    from prox_spark import load

    for number, code in enumerate(blocks(page, "yaml")):
        assert isinstance(yaml.safe_load(code), dict)
        (tmp_path / f"{number}.yaml").write_text(code, encoding="utf-8")
        load([str(tmp_path / f"{number}.yaml")])
