"""The pages of the reference that `make docs` writes: everything that the code has is on them, with its meaning."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import typer
import yaml

from prox_spark.cli.commands import app
from prox_spark.lake import schema, views
from prox_spark.program import operations

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("reference")
    runpy.run_path(str(ROOT / "docs" / "generator" / "reference.py"))["write"](folder)
    return {page.stem: page.read_text(encoding="utf-8") for page in folder.glob("*.md")}


def test_every_command_is_there_with_its_options(pages: dict[str, str]) -> None:
    for name, command in typer.main.get_command(app).commands.items():  # type: ignore[attr-defined]  # it is a group
        assert f"\n## {name}\n" in pages["commands"]
        for parameter in command.params:
            assert parameter.name == "help" or parameter.opts[0].strip("[]") in pages["commands"] or parameter.metavar


def test_every_setting_is_there_with_its_meaning(pages: dict[str, str]) -> None:
    lines = pages["configuration"].splitlines()
    base = yaml.safe_load((ROOT / "conf" / "base.yaml").read_text(encoding="utf-8"))
    keys = [f"{section}.{key}" for section, values in base.items() if isinstance(values, dict) for key in values]
    keys += [f"passes[].policy.{key}" for key in base["passes"][0]["policy"]]
    for key in keys:
        (line,) = [line for line in lines if line.startswith(f"| `{key}` |")]
        assert len(line.split(" | ")[2]) > 10, line


def test_every_table_view_and_column_is_there_with_what_it_holds(pages: dict[str, str]) -> None:
    for name, kind in schema.TABLES.items():
        part = pages["tables"].split(f"\n## {name}\n")[1].split("\n## ")[0]
        for field in kind:
            assert f"| `{field.name}` | " in part
            assert schema.COMMENTS[name][field.name].replace("|", "\\|") in part
    for name in schema.VIEWS:
        assert f"\n## {name} (view)\n" in pages["tables"]
    for column in views.REMOVED:
        assert f"`{column}`" in pages["tables"].split("\n## removed (view)\n")[1].split("\n## ")[0]


def test_every_reason_is_there(pages: dict[str, str]) -> None:
    for reason in (*operations.PROBLEM_REASONS, *operations.REJECTION_REASONS, *operations.DOCUMENT_REASONS):
        assert f"| `{reason}` | " in pages["reasons"]


def test_the_grammar_of_the_page_is_that_of_the_parser() -> None:
    source = (ROOT / "prox_spark" / "program" / "parse.py").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "reference" / "language.md").read_text(encoding="utf-8")
    grammar = page.split("## Grammar")[1].split("```text\n")[1].split("\n```")[0]
    rules = [line.strip() for line in grammar.splitlines()]
    assert len(rules) == 8 and all(f"    {rule}\n" in source for rule in rules)


def test_every_page_of_the_site_is_in_its_navigation_and_there() -> None:
    settings = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))

    def leaves(entry: object) -> list[str]:
        if isinstance(entry, str):
            return [entry]
        items = entry.values() if isinstance(entry, dict) else entry
        return [leaf for item in items for leaf in leaves(item)]  # type: ignore[attr-defined]  # a list or a mapping

    named = set(leaves(settings["nav"]))
    own = {str(page.relative_to(ROOT / "docs")) for page in (ROOT / "docs").rglob("*.md")}
    assert own <= named


def test_the_tree_of_the_architecture_names_every_room() -> None:
    tree = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = [path.name for path in (ROOT / "prox_spark").iterdir() if (path / "__init__.py").exists()]
    assert [room for room in rooms if f"\n  {room}/ " not in tree] == []
