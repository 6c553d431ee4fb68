"""What the commands around a model print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from prox_spark.cli.screens import print_json

if TYPE_CHECKING:
    from prox_spark.cli.invocation import Invocation
    from prox_spark.evaluation import Row

COLUMNS = ("n", "kept P", "kept R", "kept F1", "95 %", "removed P", "removed R", "removed F1", "parsed", "tokens", "ms")


def trained(options: Invocation, run: Mapping[str, object]) -> None:
    """Show the record of a training run; on a screen without its lists."""
    if options.json:
        return print_json(run)
    plain = {key: value for key, value in run.items() if not isinstance(value, (dict, list))}
    # As text: a folder's name may hold brackets, which would be taken for a style.
    return options.console().print(Text("\n".join(f"{key}: {value}" for key, value in plain.items())))


def annotated(options: Invocation, counts: Mapping[str, int]) -> None:
    """Show how many texts were asked about, and what came of them."""
    if options.json:
        return print_json(counts)
    return options.console().print("\n".join(f"{key}: {value:,}" for key, value in counts.items()))


def scored(options: Invocation, rows: Sequence[Row], who: str) -> None:
    """Show the scoreboard, lines and documents apart; the rows of `who` are bold."""
    if options.json:
        return print_json([asdict(row) for row in rows])
    for level in ("lines", "documents"):
        if chosen := [row for row in rows if row.level == level]:
            options.console().print(_table(chosen, who))
    return None


def _table(rows: Sequence[Row], who: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("data")
    table.add_column("who")
    for name in COLUMNS:
        table.add_column(name, justify="right")
    last = ""
    for row in rows:
        name = row.source if row.page_type == "all" else f"{row.source} {row.page_type}"
        table.add_row(*_cells(row, "" if name == last else name), style="bold" if row.who == who else None)
        last = name
    return table


def _cells(row: Row, name: str) -> list[str]:
    summary, f1 = row.summary, row.kept_f1
    kept = (summary.kept_precision, summary.kept_recall, f1)
    removed = (summary.removed_precision, summary.removed_recall, summary.removed_f1)
    model = summary.parsed is not None
    return [
        name, row.who, f"{summary.pages:,}", *(f"{score.value:.3f}" for score in kept), f"{f1.low:.3f}–{f1.high:.3f}",
        *(f"{score.value:.3f}" for score in removed), f"{summary.parsed:.1%}" if model else "",
        f"{summary.tokens_in:,.0f}+{summary.tokens_out:,.0f}" if model else "", f"{1000 * summary.seconds:.1f}",
    ]  # fmt: skip
