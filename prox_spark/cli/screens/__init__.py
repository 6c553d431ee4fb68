"""What the commands print: tables for people, or the one JSON value that `--json` asks for; a file for each of theirs.

Here is what all of them print with.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.text import Text

from prox_spark.program.characters import visible
from prox_spark.program.stored import operation
from prox_spark.program.write import write

if TYPE_CHECKING:
    from rich.console import Console

    from prox_spark.audit.rows import FateRow

LONGEST_CELL = 200
OUTCOME_STYLES: dict[str, str] = {
    "kept": "green",
    "edited": "cyan",
    "dropped": "red",
    "failed": "bold red",
    "not_run": "yellow",
}


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


def operations(console: Console, ops: Iterable[FateRow]) -> None:
    """List operations with their fates, one a line."""
    for op in ops:
        sign, style = ("✓", "green") if op["status"] == "applied" else ("✗", "red")
        why = f"  {op['reason']}" if op["reason"] else ""
        line = Text.assemble("  ", (sign, style), " ", cell(write(operation(op))), (why, "dim"))
        console.print(line, no_wrap=True, overflow="ellipsis")


def print_json(value: object) -> None:
    """Print the one JSON value of a command."""
    print(json.dumps(value, ensure_ascii=False, default=_plain))


def _plain(value: object) -> object:
    """Write what JSON lacks: moments as ISO 8601, bytes as hex."""
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    isoformat = getattr(value, "isoformat", None)
    if isoformat is None:
        raise TypeError(f"{type(value).__name__} has no form in JSON")
    return isoformat()
