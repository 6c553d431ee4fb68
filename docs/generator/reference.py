"""Write the pages of the reference that the code knows best: commands, settings, tables.

    python docs/generator/reference.py --to build/reference

They are made anew by every `make docs` and are not in the repository.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer
from pyspark.sql.types import ArrayType, DataType, StructType

from prox_spark.cli.commands import app
from prox_spark.cli.invocation import GLOBAL_OPTIONS
from prox_spark.lake import schema, views
from prox_spark.program import operations
from prox_spark.spark.conditions import CONDITIONS

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = ROOT / "prox_spark" / "program" / "operations.py"
REASONS = {
    "PROBLEM_REASONS": ("Of a line that is no operation", "`programs.chunks[].problems[].reason`"),
    "REJECTION_REASONS": ("Of an operation that was not applied", "`corpus.ops[].reason` and `edits.reason`"),
    "APPLIED_REASONS": ("Of an operation that was applied", "the same columns"),
    "DOCUMENT_REASONS": ("Of a document", "`corpus.reason`"),
}
"""The closed lists of operations.py, each with its title and where its words stand."""
EXAMPLE = re.compile(r"\[dim\](.*?)\[/dim\]")
MARKUP = re.compile(r"\[/?(?:dim|bold|cyan|italic)\]")
ALTERNATIVES = re.compile(r"\|(?![^(]*\))")
CASE = re.compile(r"[a-z]+: ")
"""Where a line of a comment begins with another value of the key."""
KEY = re.compile(r"^(?P<indent> *)(?P<item>- )?(?P<name>[a-z0-9_]+):(?: (?P<value>.*))?$")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    r"""Write a table in Markdown.

    >>> print(table(["a", "b"], [["1", "x|y"]]))
    | a | b |
    |---|---|
    | 1 | x\|y |
    """
    lines = [
        head,
        ["---"] * len(head),
        *([cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows),
    ]
    written = [f"| {' | '.join(line)} |" for line in lines]
    written[1] = written[1].replace(" ", "")
    return "\n".join(written)


def commands() -> str:
    """Write the page of all commands, from what `--help` is made of."""
    program: Any = typer.main.get_command(app)
    parts = [
        "# Commands",
        "`prox-spark COMMAND --help` says the same. Exit codes: 0 done, 1 the job failed, 2 you must change something, "
        "130 interrupted.",
        "## Options of every command",
        "Before the command or after it.",
        _parameters([option for option in program.params if option.name in GLOBAL_OPTIONS]),
    ]
    for name, command in program.commands.items():
        own = [parameter for parameter in command.params if parameter.name not in GLOBAL_OPTIONS]
        parts += [f"## {name}", *_help(command.help or ""), _parameters(own)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _help(text: str) -> Iterator[str]:
    """Give the paragraphs of a help text, and its examples as one block."""
    examples = EXAMPLE.findall(text)
    for paragraph in re.split(r"\n\s*\n", EXAMPLE.sub("", text)):
        plain = " ".join(MARKUP.sub("", paragraph).split())
        if plain:
            yield plain.replace("<", "&lt;")
    if examples:
        yield "\n".join(["```console", *(example.replace("\\[", "[") for example in examples), "```"])


def _parameters(parameters: Sequence[Any]) -> str:
    rows = []
    for parameter in parameters:
        if parameter.name == "help":
            continue
        is_option = parameter.opts[0].startswith("-")
        shown = parameter.default if is_option and parameter.default not in (None, False) else None
        value = "" if not is_option or parameter.is_flag else f" {parameter.metavar or parameter.name.upper()}"
        names = [*parameter.opts, *parameter.secondary_opts] if is_option else [str(parameter.metavar).strip("[]")]
        rows.append(
            [
                ", ".join(f"`{name}{value}`" for name in names),
                _text(parameter.help),
                "needed" if parameter.required else f"`{shown}`" if shown is not None else "",
            ]
        )
    if not any(row[2] for row in rows):
        return table(["", "what"], [row[:2] for row in rows]) if rows else ""
    return table(["", "what", "default"], rows)


def _text(text: str | None) -> str:
    return MARKUP.sub("", text or "").replace("<", "&lt;")


@dataclass(frozen=True, slots=True)
class Setting:
    """One key of the configuration: its path, its default as it is written, and the comment above it."""

    path: str
    default: str
    about: str


def settings(text: str) -> Iterator[Setting]:
    """Read the keys of conf/base.yaml with their comments; of a list of sections the first stands for all.

    >>> list(settings("# Where.\\nlake: lake\\npasses:\\n  # Its name.\\n  - name: doc\\n  - name: chunk\\n"))[-1]
    Setting(path='passes[].name', default='doc', about='Its name.')
    """
    above: list[tuple[int, str]] = []
    comment: list[str] = []
    seen: set[str] = set()
    for line in text.splitlines():
        stripped = line.strip()
        match = KEY.match(line)
        if stripped.startswith("#"):
            words = stripped.lstrip("# ")
            comment.append(f"<br>{words}" if comment and CASE.match(words) else words)
        elif match is None:
            comment = []
        else:
            indent = len(match["indent"]) + (2 if match["item"] else 0)
            above = [(depth, name) for depth, name in above if depth < indent]
            if match["item"] and above:
                above[-1] = (above[-1][0], above[-1][1].removesuffix("[]") + "[]")
            above.append((indent, match["name"]))
            path = ".".join(name for _, name in above)
            if path not in seen:
                seen.add(path)
                yield Setting(path, match["value"] or "", " ".join(comment))
            comment = []


def configuration() -> str:
    """Write the page of all settings, from conf/base.yaml."""
    text = (ROOT / "conf" / "base.yaml").read_text(encoding="utf-8")
    parts = [
        "# Configuration",
        "Every setting with its default, from `conf/base.yaml`. A file for `--conf` holds what differs; `--set` "
        "changes one key, a pass by its name: `--set passes.doc.policy.min_words=50`. A list is replaced as a whole.",
    ]
    rows: dict[str, list[list[str]]] = {}
    about: dict[str, str] = {}
    for setting in settings(text):
        section = setting.path.split(".")[0].removesuffix("[]")
        if not setting.default:
            about.setdefault(section, setting.about)
            if setting.path.count(".") == 0:
                rows.setdefault(section, [])
                continue
        rows.setdefault(section, []).append(
            [f"`{setting.path}`", f"`{setting.default}`" if setting.default else "", setting.about]
        )
    for section, keys in rows.items():
        parts += [f"## {section}", _text(about.get(section)), table(["key", "default", "meaning"], keys)]
    return "\n\n".join(part for part in parts if part) + "\n"


def tables() -> str:
    """Write the page of tables and views with their columns, from the schemas and the views' SQL."""
    parts = [
        "# Tables and views",
        "A lake is a folder or a `catalog.schema` with these Delta tables and views. Columns are a contract: a later "
        "version adds columns that may be NULL, and keeps what there is.",
    ]
    for name, kind in schema.TABLES.items():
        by = ", ".join(f"`{column}`" for column in schema.PARTITIONS[name])
        parts += [f"## {name}", schema.ABOUT[name] + (f" Partitioned by {by}." if by else "")]
        rows = [[f"`{field.name}`", _type(field.dataType), schema.COMMENTS[name].get(field.name, "")] for field in kind]
        parts.append(table(["column", "type", "holds"], rows))
        for field in kind:
            inner = _inner(field.dataType)
            if inner is not None:
                parts += [
                    f"One of `{field.name}`:",
                    table(["field", "type"], [[f"`{path}`", written] for path, written in _fields(inner)]),
                ]
    columns = {name: _selected(query) for name, query in views.statements(str, [], oldest=0, has_corpus=True)}
    for name, about in schema.VIEWS.items():
        parts += [f"## {name} (view)", about, ", ".join(f"`{column}`" for column in columns[name])]
    return "\n\n".join(parts) + "\n"


def _inner(kind: DataType) -> StructType | None:
    return kind.elementType if isinstance(kind, ArrayType) and isinstance(kind.elementType, StructType) else None


def _type(kind: DataType) -> str:
    return "array of struct" if _inner(kind) is not None else kind.simpleString().upper()


def _fields(kind: StructType, above: str = "") -> Iterator[tuple[str, str]]:
    for field in kind:
        yield above + field.name, _type(field.dataType)
        inner = _inner(field.dataType)
        if inner is not None:
            yield from _fields(inner, f"{above}{field.name}[].")


def _selected(query: str) -> list[str]:
    """Give the names of the columns that a query selects.

    >>> _selected("SELECT a, coalesce(b, 0) AS c, t.d FROM t")
    ['a', 'c', 'd']
    """
    selected, depth = [""], 0
    for character in re.split(" FROM | WHERE ", query.removeprefix("SELECT "))[0]:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            selected.append("")
        else:
            selected[-1] += character
    return schema.CORPUS.names if selected == ["*"] else [re.split(r"[ .]", name.strip())[-1] for name in selected]


def reasons() -> str:
    """Write the page of the closed lists of reasons, with the comments that stand beside them."""
    parts = ["# Reasons", "Closed lists: a script may count on these words."]
    for name, (title, column) in REASONS.items():
        listed = re.search(
            rf"^{name} = \((.*?)\)\n\"\"\"(.*?)\"\"\"", OPERATIONS.read_text(encoding="utf-8"), re.M | re.S
        )
        assert listed is not None, name
        about = dict(re.findall(r'^    "(\w+)",(?:  # (.+))?$', listed[1], re.MULTILINE))
        rows = [[f"`{reason}`", about.get(reason, "")] for reason in getattr(operations, name)]
        parts += [f"## {title}", f"{' '.join(listed[2].split())} In {column}.", table(["reason", "when"], rows)]
    return "\n\n".join(parts) + "\n"


def failures() -> str:
    """Write the page of what is known of failures of Spark, Java and the machine."""
    rows = [
        [", ".join(f"`{said}`" for said in ALTERNATIVES.split(pattern.replace("(?:", "("))), meaning]
        for pattern, meaning in CONDITIONS.values()
    ]
    about = "A failed command says so by itself, where one of these is in what it failed with."
    return "\n\n".join(["# What failures mean", about, table(["it says", "it means"], rows)]) + "\n"


PAGES = {
    "reasons": reasons,
    "failures": failures,
    "commands": commands,
    "configuration": configuration,
    "tables": tables,
}


def write(to: Path) -> None:
    """Write all pages into a folder."""
    to.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (to / f"{name}.md").write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--to", type=Path, default=ROOT / "build" / "reference", help="folder for the pages")
    write(parser.parse_args().to)
