"""What `compare` prints: two versions of one corpus side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from prox_spark.cli.screens import OUTCOME_STYLES, cell, print_json
from prox_spark.cli.screens.differences import change

if TYPE_CHECKING:
    from rich.console import Console

    from prox_spark.audit.rows import ComparedRow
    from prox_spark.cli.invocation import Invocation


def sides(options: Invocation, compared: Mapping[str, Any]) -> None:
    """Show what each version went through and left, where they part, and the documents that were drawn."""
    if options.json:
        return print_json(compared)
    console = options.console()
    for side in ("a", "b"):
        console.print(_chain(side, compared[side]))
    _left(console, compared)
    _fates(console, compared)
    for row in compared["sample"]:
        _document(console, row)
    return None


def _chain(side: str, version: Mapping[str, Any]) -> Text:
    passes = [
        " ".join(filter(None, (item["pass_name"], item["profile"] and f"({item['profile']}, {item['engine']})")))
        for item in version["passes"]
    ]
    went = " → ".join(passes) or "no pass"
    return Text.assemble((f"{side.upper()}  version {version['version']}", "bold"), "  ", (cell(went).plain, "dim"))


def _left(console: Console, compared: Mapping[str, Any]) -> None:
    """Show what is left on each side."""
    from prox_spark.stages.sides import FATES

    names = [name for name in FATES if name != "absent" or any(compared[side][name] for side in ("a", "b"))]
    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    shown.add_column("")
    for name in (*names, "words", "of ingested"):
        shown.add_column(name, justify="right", style=OUTCOME_STYLES.get(name))
    for side in ("a", "b"):
        version = compared[side]
        share = f"{version['words'] / compared['words']:.1%}" if compared["words"] else "-"
        numbers = (f"{version[name]:,}" for name in (*names, "words"))
        shown.add_row(side.upper(), *numbers, share)
    console.print(shown)


def _fates(console: Console, compared: Mapping[str, Any]) -> None:
    differing, documents = compared["differing"], compared["documents"]
    console.print(Text(f"{differing:,} of {documents:,} documents differ", style="bold"))
    shown = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("A", "B"):
        shown.add_column(name)
    for name in ("documents", "differing", "words", "words in A", "words in B"):
        shown.add_column(name, justify="right")
    for row in compared["fates"]:
        fates = (Text(row[f"fate_{side}"], style=OUTCOME_STYLES.get(row[f"fate_{side}"], "dim")) for side in ("a", "b"))
        numbers = (row[name] for name in ("documents", "differing", "words", "words_a", "words_b"))
        shown.add_row(*fates, *(f"{number:,}" for number in numbers))
    console.print(shown)


def _document(console: Console, row: ComparedRow) -> None:
    console.print()
    url = cell(row["url"] or "(no URL)")
    url.stylize("bold")
    console.print(url)
    console.print(
        Text.assemble(
            f"{row['doc_id'][:12]}  {row['words']:,} words; ",
            *_fate("A", row["fate_a"], row["words_a"], row["reason_a"]),
            "; ",
            *_fate("B", row["fate_b"], row["words_b"], row["reason_b"]),
        )
    )
    console.print(Text("- only in A, + only in B", style="dim"))
    console.print(change(row["text_a"], row["text_b"]), no_wrap=True, overflow="ellipsis")


def _fate(side: str, fate: str, words: int, reason: str | None) -> list[str | tuple[str, str]]:
    why = f", {cell(reason).plain}" if reason else ""
    return [f"{side} ", (fate, OUTCOME_STYLES.get(fate, "")), f" ({words:,} words{why})"]
