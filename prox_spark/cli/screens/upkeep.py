"""What the commands that keep a lake as it must be print."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from prox_spark.cli.screens import cell, print_json
from prox_spark.report.numbers import duration

if TYPE_CHECKING:
    from prox_spark.audit.forget import ForgetSummary
    from prox_spark.audit.maintain import Maintenance
    from prox_spark.audit.restore import RestoreSummary
    from prox_spark.audit.verify import Verification
    from prox_spark.cli.invocation import Invocation


def tagged(options: Invocation, name: str, version: int, *, deleted: bool) -> None:
    """Say which version a tag names, or named."""
    if options.json:
        return print_json({"tag": name, "version": version, "deleted": deleted})
    sentence = f"tag {name} is removed; version {version} stays" if deleted else f"version {version} is {name}"
    return options.console().print(sentence)


def verified(options: Invocation, verification: Verification) -> None:
    """Show what verifying found."""
    if options.json:
        return print_json({"ok": verification.ok, **asdict(verification)})
    console = options.console()
    checked = f"{verification.documents:,} documents replayed, {verification.programs:,} programs parsed again"
    if verification.read_before:
        checked += f", {verification.read_before:,} of them stored as an earlier parser read and executed them"
    if verification.ok:
        return console.print(
            Text.assemble(f"version {verification.version}: ", ("all is as it must be", "green"), f"; {checked}")
        )
    from prox_spark.stages.verify import CHECKS

    console.print(
        Text.assemble(f"version {verification.version}: ", ("something is wrong", "bold red"), f"; {checked}")
    )
    for name, count in sorted(verification.counts.items()):
        console.print(Text.assemble((f"{count:>7,} ", "red"), (f"{name:<14}", "bold"), f"must hold: {CHECKS[name]}"))
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("check", "key", "detail"):
        table.add_column(name, overflow="fold")
    for row in verification.findings:
        table.add_row(row["check"], cell(row["key"]), cell(row["detail"]))
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
    if summary.returned:
        console.print(
            f"{summary.returned:,} documents were copies of them and are as ingested: the next run decides anew"
        )
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
