"""What the commands about a lake's past print: tables for people, or the one JSON value that `--json` asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from prox_spark.cli.differences import difference
from prox_spark.cli.progress import duration
from prox_spark.cli.screens import OUTCOME_STYLES, cell, operations, print_json
from prox_spark.program.characters import visible

if TYPE_CHECKING:
    from rich.console import Console

    from prox_spark.audit.export import ExportSummary
    from prox_spark.audit.forget import ForgetSummary
    from prox_spark.audit.maintain import Maintenance
    from prox_spark.audit.restore import RestoreSummary
    from prox_spark.audit.verify import Verification
    from prox_spark.cli.invocation import Invocation

STYLES = {**OUTCOME_STYLES, "restored": "green", "added": "green", "forgotten": "red", "absent": "dim"}


def tagged(options: Invocation, name: str, version: int, *, deleted: bool) -> None:
    """Say which version a tag names, or named."""
    if options.json:
        return print_json({"tag": name, "version": version, "deleted": deleted})
    said = f"tag {name} is removed; version {version} stays" if deleted else f"version {version} is {name}"
    return options.console().print(said)


def differences(options: Invocation, counts: dict[str, Any], drawn: Sequence[dict[str, Any]]) -> None:
    """Show what differs between two versions, and the documents that were drawn."""
    if options.json:
        return print_json({**counts, "sample": list(drawn)})
    from prox_spark.stages.diff import CHANGES

    console = options.console()
    console.print(Text(f"version {counts['a']} → version {counts['b']}", style="bold"))
    there = [name for name in CHANGES if counts[name]]
    _counts(console, ("source", "snapshot"), counts["by_source"], there, total=counts)
    _listed(console, "dropped, by reason", counts["by_reason"], ("pass_name", "reason", "documents", "words"))
    columns = ("pass_name", "op", "status", "reason", "operations", "documents", "found", "words_removed")
    _listed(console, "operations", counts["by_operation"], columns)
    for row in drawn:
        console.print()
        console.print(Text.assemble((row["change"], STYLES.get(row["change"], "")), "  ", _url(row)))
        why = f"  {row['reason']}" if row["reason"] else ""
        console.print(
            Text(f"{row['doc_id'][:12]}  {row['words_before']:,} words → {row['words_after']:,}{why}", style="dim")
        )
        _change(console, row["before"], row["after"])
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
        table.add_column(name, justify="right", style=STYLES.get(name), footer=f"{total[name]:,}")
    table.add_column("words", justify="right", footer=_words(total))
    for row in rows:
        numbers = (f"{row[name]:,}" for name in ("documents", *changes))
        table.add_row(*(cell(row[name]) for name in keys), *numbers, _words(row))
    console.print(table)


def _url(row: dict[str, Any]) -> Text:
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


def _change(console: Console, before: str | None, after: str | None) -> None:
    if before is None or after is None:
        style, text = ("red", before) if after is None else ("green", after)
        lines = (text or "").split("\n")
        shown = lines[:6] + ([f"… {len(lines) - 6:,} more lines"] if len(lines) > 6 else [])
        for line in shown:
            signed = Text(f"{'-' if after is None else '+'} {visible(line)}", style=style)
            console.print(signed, no_wrap=True, overflow="ellipsis")
        return
    console.print(difference(before, after), no_wrap=True, overflow="ellipsis")


def one_document(options: Invocation, found: dict[str, Any]) -> None:
    """Show one document in two versions, line by line, and the operations of the second."""
    if options.json:
        return print_json(found)
    console = options.console()
    console.print(_url(found))
    console.print(Text(f"{found['doc_id']}  version {found['a']} → version {found['b']}", style="dim"))
    before, after = found["before"], found["after"]
    if before is None or after is None:
        return console.print(f"It is not in version {found['a'] if before is None else found['b']}.")
    operations(console, after["ops"] or [])
    if before["text"] == after["text"]:
        return console.print("The text is the same." if after["text"] is not None else "It is dropped in both.")
    console.print()
    return _change(console, before["text"], after["text"])


def verified(options: Invocation, found: Verification) -> None:
    """Show what verifying found."""
    if options.json:
        return print_json({"ok": found.ok, **asdict(found)})
    console = options.console()
    checked = f"{found.documents:,} documents replayed, {found.programs:,} programs parsed again"
    if found.ok:
        return console.print(
            Text.assemble(f"version {found.version}: ", ("all is as it must be", "green"), f"; {checked}")
        )
    from prox_spark.stages.verify import CHECKS

    console.print(Text.assemble(f"version {found.version}: ", ("something is wrong", "bold red"), f"; {checked}"))
    for name, count in sorted(found.counts.items()):
        console.print(Text.assemble((f"{count:>7,} ", "red"), (f"{name:<14}", "bold"), f"must hold: {CHECKS[name]}"))
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("check", "key", "detail"):
        table.add_column(name, overflow="fold")
    for row in found.findings:
        table.add_row(row["check"], Text(row["key"]), cell(row["detail"]))
    return console.print(table)


def restored(options: Invocation, summary: RestoreSummary) -> None:
    """Say what a restore did."""
    if options.json:
        return print_json(asdict(summary))
    console = options.console()
    if summary.version is None:
        return console.print(f"version {summary.restored} is the newest already")
    later = f", {summary.later:,} of them came later and are as no pass touched them" if summary.later else ""
    gone = f"; {summary.forgotten:,} were forgotten and stay away" if summary.forgotten else ""
    return console.print(
        f"version {summary.version} holds what version {summary.restored} held: {summary.documents:,} documents"
        f"{later}{gone} ({duration(summary.seconds)})"
    )


def forgotten(options: Invocation, summary: ForgetSummary) -> None:
    """Say what was forgotten, and what can still be read until when."""
    if options.json:
        return print_json(asdict(summary))
    console = options.console()
    console.print(
        f"{summary.documents:,} of {summary.asked:,} documents were in the lake and are gone, with "
        f"{summary.programs:,} programs"
    )
    if summary.version is not None:
        console.print(f"corpus is at version {summary.version} without them")
    for item in summary.remains:
        if item.until is None:
            console.print(f"{item.table}: no old version holds them any more")
        else:
            console.print(Text(f"{item.table}: old versions hold them until {item.until:%Y-%m-%d %H:%M} UTC", "yellow"))
    if any(item.until is not None for item in summary.remains):
        console.print(Text("the same command with --now purges them, and with them every old version", "dim"))
    if summary.untagged:
        console.print(Text(f"removed tags: {', '.join(summary.untagged)}", "yellow"))
    return None


def maintained(options: Invocation, done: Maintenance, *, dry_run: bool) -> None:
    """Say what maintenance did, which versions it had to keep, and which will expire."""
    if options.json:
        return print_json({**asdict(done), "dry_run": dry_run})
    console = options.console()
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    removed = "would be removed" if dry_run else "removed"
    for name in ("table", "compacted", removed, "kept for", "log kept", "replaced files kept"):
        table.add_column(name, justify="left" if name == "table" else "right")
    for item in done.tables:
        hours = f"{item.kept_hours // 24:,} d {item.kept_hours % 24} h"
        numbers = (f"{item.compacted:,}", f"{item.removed:,}", hours, f"{item.log_days:,} d", f"{item.file_days:,} d")
        table.add_row(item.table, *numbers)
    console.print(table)
    for version, why in done.needed.items():
        console.print(Text(f"version {version} stays readable: {why}", "dim"))
    if done.readable_from:
        console.print(f"corpus can be read from version {done.readable_from} on")
    for line in done.warnings:
        console.print(Text(line, "yellow"))
    return None


def reported(options: Invocation, path: str, size: int) -> None:
    """Say where the report is."""
    if options.json:
        return print_json({"path": path, "bytes": size})
    return options.console().print(Text(f"{path} ({size / 1e6:.1f} MB): open it in a browser"), soft_wrap=True)


def exported(options: Invocation, summary: ExportSummary) -> None:
    """Say what an export holds, and where."""
    if options.json:
        return print_json(asdict(summary))
    console = options.console()
    tokens = f", {summary.tokens:,} tokens" if summary.tokens else ""
    files = f"{summary.files:,} {summary.format} {'file' if summary.files == 1 else 'files'}"
    time = duration(summary.seconds) if summary.written else "it was there already"
    console.print(
        Text(
            f"{summary.place}: {summary.documents:,} documents of version {summary.version}{tokens} in {files}, "
            f"{summary.bytes / 1e6:,.1f} MB ({time})"
        ),
        soft_wrap=True,
    )
    if summary.left_over:
        console.print(
            Text(f"{summary.left_over:,} tokens at the ends of parts fill no sequence and are in no file", "dim")
        )
    return None
