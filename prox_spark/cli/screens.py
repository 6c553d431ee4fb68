"""What the commands print: tables for people, or the one JSON value that `--json` asks for."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from prox_spark.cli.differences import difference
from prox_spark.cli.progress import duration
from prox_spark.program.characters import visible
from prox_spark.program.stored import operation
from prox_spark.program.write import write

if TYPE_CHECKING:
    from rich.console import Console

    from prox_spark.cli.doctor import Finding
    from prox_spark.cli.invocation import Invocation
    from prox_spark.cli.queries import Answer
    from prox_spark.pipeline import ApplySummary, IngestSummary, RefineSummary
    from prox_spark.pipeline.plan import Plan

LONGEST_CELL = 200
SPOOL_BYTES = 64 * 1024 * 1024
OUTCOME_STYLES = {"kept": "green", "edited": "cyan", "dropped": "red", "failed": "bold red", "not_run": "yellow"}


def ingested(options: Invocation, lake: str, summary: IngestSummary) -> None:
    """Show what an ingest did."""
    if options.json:
        return print_json(asdict(summary))
    console = options.console()
    console.print(sum_of(summary))
    if summary.quarantined:
        query = "SELECT reason, count(*) FROM quarantine GROUP BY reason"
        console.print(Text(f'Why records were quarantined: prox-spark sql "{query}" --lake {lake}', style="dim"))
    if summary.documents == 0:
        console.print("Nothing new: every record is in the lake already, or could not be read.")
    else:
        console.print(f"corpus is at version {summary.corpus_version} ({duration(summary.seconds)})")
    return None


def sum_of(summary: IngestSummary) -> str:
    """Write the sum that always holds.

    >>> from types import SimpleNamespace
    >>> sum_of(SimpleNamespace(records=1200, documents=1190, duplicates=7, quarantined=3))
    '1,200 records = 1,190 documents + 7 duplicates + 3 quarantined'
    """
    return (
        f"{summary.records:,} records = {summary.documents:,} documents + {summary.duplicates:,} duplicates "
        f"+ {summary.quarantined:,} quarantined"
    )


def refined(options: Invocation, summary: RefineSummary) -> None:
    """Show what a refine did."""
    if options.json:
        return print_json(asdict(summary))
    return options.console().print(refine_line(summary))


def planned(options: Invocation, plan: Plan) -> None:
    """Show what a pass is expected to take."""
    if options.json:
        return print_json(asdict(plan))
    console = options.console()
    if not plan.texts:
        return console.print(f"plan {plan.pass_name}: nothing to do, every text has its program")
    duplicates = f", {plan.duplicates_saved:,} more documents are copies of them" if plan.duplicates_saved else ""
    console.print(f"plan {plan.pass_name} ({plan.engine}): {plan.texts:,} texts to do{duplicates}")
    console.print(f"  {plan.prompt_tokens:,} tokens in, {plan.output_tokens:,} out")
    console.print(f"  {duration(plan.seconds)} at {plan.tokens_per_second:,.0f} tokens/s with {plan.engines} at work")
    hours = f"{plan.gpu_hours:.2f} GPU hours" if plan.gpu_hours else f"{plan.engine_hours:.2f} hours, no GPU"
    cost = f", {plan.cost:,.2f} at the given price" if plan.cost is not None else ""
    console.print(f"  {hours}{cost}")
    return console.print(Text(f"from a sample of {plan.sampled:,} texts", style="dim"))


def refine_line(summary: RefineSummary) -> str:
    """Say in one line what a refine did."""
    if summary.texts == 0:
        return f"refine {summary.pass_name}: nothing to do, every text has its program"
    rate = (summary.prompt_tokens + summary.output_tokens) / summary.seconds if summary.seconds else 0.0
    failed = f", {summary.errors:,} failed" if summary.errors else ""
    return (
        f"refine {summary.pass_name}: {summary.texts:,} texts in {summary.waves} wave{'s'[: summary.waves != 1]}"
        f"{failed}, {rate:,.0f} tokens/s{_by(summary)} ({duration(summary.seconds)})"
    )


def _by(summary: RefineSummary) -> str:
    return f" by {summary.engine}" if summary.engine else ""


def applied(options: Invocation, summary: ApplySummary) -> None:
    """Show what an apply did."""
    if options.json:
        return print_json(asdict(summary))
    return options.console().print(apply_line(summary))


def apply_line(summary: ApplySummary) -> Text:
    """Say in one line what an apply did and what the corpus holds after it."""
    line = Text(f"apply {summary.pass_name}: ")
    line.append("nothing to do" if summary.version is None else f"corpus version {summary.version}")
    for outcome, style in OUTCOME_STYLES.items():
        number = getattr(summary, outcome)
        if number or outcome in ("kept", "edited", "dropped"):
            line.append(", ").append(f"{number:,} {outcome.replace('_', ' ')}", style=style)
    if summary.version is not None:
        line.append(f" ({duration(summary.seconds)})")
    return line


def ran(options: Invocation, summaries: Sequence[tuple[RefineSummary, ApplySummary]]) -> None:
    """Show what a run of all passes did."""
    if options.json:
        passes = [{"refine": asdict(refine), "apply": asdict(apply)} for refine, apply in summaries]
        return print_json({"passes": passes})
    console = options.console()
    for refine, apply in summaries:
        console.print(refine_line(refine))
        console.print(apply_line(apply))
    return None


def history(options: Invocation, versions: Sequence[dict[str, Any]], warnings: Sequence[str] = ()) -> None:
    """Show the versions of the corpus, and warn of those that will expire."""
    for line in warnings:
        options.console(stderr=True).print(Text(line, style="yellow"))
    if options.json:
        return print_json(versions)
    if not versions:
        return options.console().print("The corpus has no version yet: prox-spark ingest SOURCE PATH…")
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    counts = ["kept", "edited", "dropped"]
    counts += [name for name in ("failed", "not_run") if any(row[name] for row in versions)]
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


def _until(row: dict[str, Any]) -> Text:
    if row["readable_until"] is None:
        return Text("newest", style="dim")
    return Text(row["readable_until"][:10] if row["readable"] else "gone", style="" if row["readable"] else "red")


def document(options: Invocation, life: dict[str, Any]) -> None:
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


def _stage(row: dict[str, Any]) -> Text:
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


def operations(console: Console, ops: Iterable[dict[str, Any]]) -> None:
    """List operations with their fates, one a line."""
    for op in ops:
        sign, style = ("✓", "green") if op["status"] == "applied" else ("✗", "red")
        why = f"  {op['reason']}" if op["reason"] else ""
        line = Text.assemble("  ", (sign, style), " ", cell(write(operation(op))), (why, "dim"))
        console.print(line, no_wrap=True, overflow="ellipsis")


def _programs(console: Console, programs: Iterable[dict[str, Any]]) -> None:
    """Say where the operations come from, and which lines of the model's answers are none."""
    for program in programs:
        chunks = program["chunks"] or []
        tokens = sum(chunk["output_tokens"] or 0 for chunk in chunks)
        made = (
            f"  program {program['fingerprint'][:12]}, {len(chunks)} chunk{'s'[: len(chunks) != 1]}, {tokens:,} tokens"
        )
        error = f", failed: {program['error']}" if program["error"] else ""
        console.print(cell(made + error), style="dim", no_wrap=True, overflow="ellipsis")
        for problem in (problem for chunk in chunks for problem in chunk["problems"] or []):
            line = Text.assemble(
                "  ", ("?", "yellow"), f" {cell(problem['text']).plain}", (f"  {problem['reason']}", "dim")
            )
            console.print(line, no_wrap=True, overflow="ellipsis")


def compared(options: Invocation, passes: Sequence[dict[str, Any]]) -> None:
    """Show, for each pass, on how many texts the modes differ, in which ways, and on which documents."""
    if options.json:
        return print_json(passes)
    console = options.console()
    for found in passes:
        line = f"{found['pass_name']}: {found['differing']:,} of {found['texts']:,} texts come out differently"
        console.print(Text(line, style="bold"))
        for rows, columns in ((found["kinds"], ("texts", "why")), (found["documents"], ("doc_id", "url", "why"))):
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


def findings(options: Invocation, found: Sequence[Finding]) -> None:
    """Show what doctor found."""
    if options.json:
        return print_json([asdict(finding) for finding in found])
    table = Table.grid(padding=(0, 2))
    for finding in found:
        sign = Text("ok", style="green") if finding.ok else Text("wrong", style="bold red")
        table.add_row(sign, finding.name, Text(finding.detail, overflow="fold"))
    return options.console().print(table)


def cell(value: object, *, thousands: bool = False) -> Text:
    """Write a value on one line, cut where it is long."""
    if value is None:
        return Text("-", style="dim")
    if thousands and isinstance(value, int):
        return Text(f"{value:,}")
    if isinstance(value, bool):
        return Text("true" if value else "false")
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    flat = visible(text[:LONGEST_CELL]).replace("\n", "↵").replace("\t", " ")
    return Text(f"{flat}…" if len(text) > LONGEST_CELL else flat)


def print_json(value: object) -> None:
    """Print the one JSON value of a command."""
    print(json.dumps(value, ensure_ascii=False, default=_plain))


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


def _plain(value: object) -> object:
    """Write what JSON lacks: moments as ISO 8601, bytes as hex."""
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    isoformat = getattr(value, "isoformat", None)
    if isoformat is None:
        raise TypeError(f"{type(value).__name__} has no form in JSON")
    return isoformat()


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
