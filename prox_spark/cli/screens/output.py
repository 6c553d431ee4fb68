"""What the commands that write files print."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.text import Text

from prox_spark.cli.screens import print_json
from prox_spark.report.numbers import duration

if TYPE_CHECKING:
    from prox_spark.audit.export import ExportSummary
    from prox_spark.cli.invocation import Invocation


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
