"""What the commands that look at versions and documents print."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from prox_spark.cli.screens import OUTCOME_STYLES, cell, operations, print_json
from prox_spark.cli.screens.differences import change, difference
from prox_spark.program.characters import visible
from prox_spark.program.operations import OUTCOMES

if TYPE_CHECKING:
    from rich.console import Console

    from prox_spark.audit.rows import DocumentPair, Life, SampledRow, StageRow, VersionRow
    from prox_spark.cli.invocation import Invocation
    from prox_spark.cli.queries import Answer

SPOOL_BYTES = 64 * 1024 * 1024
CHANGE_STYLES = {**OUTCOME_STYLES, "restored": "green", "added": "green", "forgotten": "red", "absent": "dim"}


def history(options: Invocation, versions: Sequence[VersionRow], warnings: Sequence[str] = ()) -> None:
    """Show the versions of the corpus, and warn of those that will expire."""
    for line in warnings:
        options.console(stderr=True).print(Text(line, style="yellow"))
    if options.json:
        return print_json(versions)
    if not versions:
        return options.console().print("The corpus has no version yet: prox-spark ingest SOURCE PATH…")
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    always = ("kept", "edited", "dropped")
    counts = [name for name in OUTCOMES if name in always or any(row[name] for row in versions)]
    tags = ["tags"] * any(row["tags"] for row in versions)
    for name in ("version", "made by", "finished", *counts, "words", "readable until", *tags):
        right = name in ("version", "words", *counts)
        justify: Literal["left", "right"] = "right" if right else "left"
        table.add_column(name.replace("_", " "), justify=justify, style=OUTCOME_STYLES.get(name), overflow="fold")
    for row in versions:
        made_by = " ".join(filter(None, (row["name"], row["pass_name"])))
        finished = str(row["finished_at"])[:16].replace("T", " ")
        words = f"{row['words_before']:,} → {row['words_after']:,}" if row["words_before"] else "-"
        numbers = (cell(row[name], thousands=True) for name in counts)
        named = [Text(", ".join(row["tags"]), style="bold")] * len(tags)
        table.add_row(str(row["version"]), made_by, finished, *numbers, words, _until(row), *named)
    return options.console().print(table)


def _until(row: VersionRow) -> Text:
    if row["readable_until"] is None:
        return Text("newest", style="dim")
    return Text(row["readable_until"][:10] if row["readable"] else "gone", style="" if row["readable"] else "red")


def document(options: Invocation, life: Life) -> None:
    """Show one document's life."""
    if options.json:
        return print_json(life)
    console = options.console()
    source = life["document"]
    console.print(Text(cell(source["url"] or "(no URL)").plain, style="bold"))
    console.print(Text(f"{source['doc_id']}  {source['source']}, {source['snapshot']}", style="dim"))
    before = source["text"]
    for row in life["versions"]:
        console.print()
        console.print(_stage(row))
        operations(console, row["ops"] or [])
        _programs(console, [item for item in life["programs"] if item["pass_name"] == row["pass_name"]])
        if row["text"] is not None and row["text"] != before:
            console.print()
            console.print(difference(before, row["text"]), no_wrap=True, overflow="ellipsis")
        before = row["text"] if row["text"] is not None else before
    if life["versions"] and life["versions"][-1]["text"] == source["text"]:
        console.print()
        console.print(Text(visible(source["text"])))
    return None


def _stage(row: StageRow) -> Text:
    outcome, number = row["outcome"], (f"version {row['version']}", "bold")
    if row["pass_name"] is None:
        return Text.assemble(number, "  ingested")
    line = Text.assemble(
        number, f"  {row['pass_name']}: ", (outcome.replace("_", " "), OUTCOME_STYLES.get(outcome, ""))
    )
    if row["reason"]:
        line.append(f" ({row['reason']})")
    if row["words_before"] is not None:
        line.append(f", {row['words_before']:,} words → {row['words_after']:,}")
    return line


def _programs(console: Console, programs: Iterable[dict[str, Any]]) -> None:
    """Say where the operations come from, and which lines of the model's answers are none."""
    for program in programs:
        chunks = program["chunks"] or []
        tokens = sum(chunk["output_tokens"] or 0 for chunk in chunks)
        summary = (
            f"  program {program['fingerprint'][:12]}, {len(chunks)} chunk{'s'[: len(chunks) != 1]}, {tokens:,} tokens"
        )
        error = f", failed: {program['error']}" if program["error"] else ""
        console.print(cell(summary + error), style="dim", no_wrap=True, overflow="ellipsis")
        for problem in (problem for chunk in chunks for problem in chunk["problems"] or []):
            line = Text.assemble(
                "  ", ("?", "yellow"), f" {cell(problem['text']).plain}", (f"  {problem['reason']}", "dim")
            )
            console.print(line, no_wrap=True, overflow="ellipsis")


def differences(options: Invocation, counts: dict[str, Any], drawn: Sequence[SampledRow]) -> None:
    """Show what differs between two versions, and the documents that were drawn."""
    if options.json:
        return print_json({**counts, "sample": list(drawn)})
    from prox_spark.stages.diff import CHANGES

    console = options.console()
    console.print(Text(f"version {counts['a']} → version {counts['b']}", style="bold"))
    there = [name for name in CHANGES if counts[name]]
    _counts(console, ("source", "snapshot"), counts["by_source"], there, total=counts)
    _listed(console, "dropped, by reason", counts["by_reason"], ("pass_name", "reason", "documents", "words"))
    columns = (
        "pass_name",
        "op",
        "status",
        "reason",
        "operations",
        "documents",
        "found",
        "words_removed",
        "words_added",
    )
    _listed(console, "operations", counts["by_operation"], columns)
    for row in drawn:
        console.print()
        console.print(Text.assemble((row["change"], CHANGE_STYLES.get(row["change"], "")), "  ", _url(row)))
        why = f"  {row['reason']}" if row["reason"] else ""
        console.print(
            Text(f"{row['doc_id'][:12]}  {row['words_before']:,} words → {row['words_after']:,}{why}", style="dim")
        )
        console.print(change(row["before"], row["after"]), no_wrap=True, overflow="ellipsis")
    return None


def _counts(
    console: Console,
    keys: Sequence[str],
    rows: Sequence[dict[str, Any]],
    changes: Sequence[str],
    *,
    total: dict[str, Any],
) -> None:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_footer=len(rows) > 1)
    for number, name in enumerate(keys):
        table.add_column(name, footer="" if number else "all")
    for name in ("documents", *changes):
        table.add_column(name, justify="right", style=CHANGE_STYLES.get(name), footer=f"{total[name]:,}")
    table.add_column("words", justify="right", footer=_words(total))
    for row in rows:
        numbers = (f"{row[name]:,}" for name in ("documents", *changes))
        table.add_row(*(cell(row[name]) for name in keys), *numbers, _words(row))
    console.print(table)


def _url(row: Mapping[str, Any]) -> Text:
    url = cell(row["url"] or "(no URL)")
    url.stylize("bold")
    return url


def _words(row: dict[str, Any]) -> str:
    return f"{row['words_before']:,} → {row['words_after']:,}"


def _listed(console: Console, title: str, rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> None:
    if not rows:
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left", title_style="bold")
    for name in columns:
        table.add_column(name.replace("_", " "), justify="right" if isinstance(rows[0][name], int) else "left")
    for row in rows:
        table.add_row(*(cell(row[name], thousands=True) for name in columns))
    console.print(table)


def one_document(options: Invocation, document: DocumentPair) -> None:
    """Show one document in two versions, line by line, and the operations of the second."""
    if options.json:
        return print_json(document)
    console = options.console()
    console.print(_url(document))
    console.print(Text(f"{document['doc_id']}  version {document['a']} → version {document['b']}", style="dim"))
    before, after = document["before"], document["after"]
    if before is None or after is None:
        return console.print(f"It is not in version {document['a'] if before is None else document['b']}.")
    operations(console, after["ops"] or [])
    if before["text"] == after["text"]:
        return console.print("The text is the same." if after["text"] is not None else "It is dropped in both.")
    console.print()
    return console.print(change(before["text"], after["text"]), no_wrap=True, overflow="ellipsis")


def compared(options: Invocation, passes: Sequence[dict[str, Any]]) -> None:
    """Show, for each pass, on how many texts the modes differ, in which ways, and on which documents."""
    if options.json:
        return print_json(passes)
    console = options.console()
    for of_pass in passes:
        line = f"{of_pass['pass_name']}: {of_pass['differing']:,} of {of_pass['texts']:,} texts come out differently"
        console.print(Text(line, style="bold"))
        for rows, columns in ((of_pass["kinds"], ("texts", "why")), (of_pass["documents"], ("doc_id", "url", "why"))):
            if not rows:
                continue
            table = Table(box=SIMPLE_HEAD, header_style="dim")
            for name in ("strict", "reference", *columns):
                table.add_column(name, overflow="fold" if name != "url" else "ellipsis")
            for row in rows:
                shown = {**row, "why": ", ".join(row["why"]) or "words are counted differently"}
                shown["doc_id"] = str(row.get("doc_id"))[:12]
                table.add_row(*(cell(shown[name]) for name in ("strict", "reference", *columns)))
            console.print(table)
    return None


def answer(options: Invocation, given: Answer, limit: int) -> None:
    """Show the rows of a query: the first `limit` as a table, or all of them as one JSON array."""
    if options.json:
        return _print_array(given.rows)
    console = options.console()
    if not given.columns:
        return console.print("done")
    rows = [json.loads(row) for row in islice(given.rows, limit)]
    more = next(given.rows, None) is not None
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in given.columns:
        numeric = any(_is_number(row.get(name)) for row in rows)
        table.add_column(Text(name), justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(cell(row.get(name)) for name in given.columns))
    console.print(table)
    if more:
        return console.print(Text(f"the first {limit:,} rows; more with --limit, all with --json", style="dim"))
    return console.print(Text(f"{len(rows):,} row{'s'[: len(rows) != 1]}", style="dim"))


def _print_array(rows: Iterable[str]) -> None:
    # A query may fail at its last row: nothing is printed before all rows are there, and memory does not hold them.
    with tempfile.SpooledTemporaryFile(SPOOL_BYTES, mode="w+", encoding="utf-8") as spool:
        separator = "["
        for row in rows:
            spool.write(f"{separator}{row}")
            separator = ",\n"
        spool.write("[]\n" if separator == "[" else "]\n")
        spool.seek(0)
        shutil.copyfileobj(spool, sys.stdout)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
