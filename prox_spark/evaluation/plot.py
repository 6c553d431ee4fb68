"""The scoreboard as one picture: a bar for every candidate and source, with its interval, as SVG."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from prox_spark.evaluation.run import Row

_LABEL, _WIDTH, _BAR, _GAP, _TOP = 150, 420, 13, 5, 44
_MODEL, _BASELINE, _INTERVAL = "#1b6ca8", "#b8c4ce", "#333333"


def plot(rows: Sequence[Row], *, who: str) -> str:
    """Draw the F1 of kept words (of kept documents) of the rows for whole sources; `who` is drawn in blue."""
    whole = [row for row in rows if row.page_type in ("all", "unanimous")]
    y, shapes, panel = _TOP, [], ("", "", "")
    for row in whole:
        if (row.source, row.page_type, row.level) != panel:
            panel = (row.source, row.page_type, row.level)
            y += 22
            title = row.source if row.page_type == "all" else f"{row.source}, {row.page_type}"
            shapes.append(_text(_LABEL, y - 6, f"{title} ({row.summary.pages:,} {_things(row)})", bold=True))
        shapes.append(_bar(row, y, _MODEL if row.who == who else _BASELINE))
        y += _BAR + _GAP
    axis = [_tick(share / 10, y) for share in range(0, 11, 2)]
    head = _text(_LABEL, 20, "F1 of what is kept: words of a page (mean over pages), documents", bold=True)
    height, width = y + 34, _LABEL + _WIDTH + 70
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="11"><rect width="100%" height="100%" fill="white"/>'
        f"{head}{''.join(axis)}{''.join(shapes)}</svg>\n"
    )


def _things(row: Row) -> str:
    return "pages" if row.level == "lines" else "documents"


def _bar(row: Row, y: int, colour: str) -> str:
    value = row.summary.kept_f1 if row.level == "lines" else row.summary.kept_f1_pooled
    low, high, middle = (_LABEL + _WIDTH * share for share in (value.low, value.high, 0.0))
    centre = y + _BAR / 2
    return (
        _text(_LABEL - 6, y + 10, row.who, end=True)
        + f'<rect x="{middle:.0f}" y="{y}" width="{_WIDTH * value.value:.1f}" height="{_BAR}" fill="{colour}"/>'
        + f'<path d="M{low:.1f} {centre}H{high:.1f}M{low:.1f} {y + 3}v7M{high:.1f} {y + 3}v7" '
        + f'stroke="{_INTERVAL}" fill="none"/>'
        + _text(_LABEL + _WIDTH * max(value.value, value.high) + 6, y + 10, f"{value.value:.3f}")
    )


def _tick(share: float, bottom: int) -> str:
    x = _LABEL + _WIDTH * share
    line = f'<path d="M{x:.1f} {_TOP}V{bottom}" stroke="#e6e6e6" fill="none"/>'
    return line + _text(x - 8, bottom + 16, f"{share:.1f}")


def _text(x: float, y: float, text: str, *, bold: bool = False, end: bool = False) -> str:
    style = (' font-weight="bold"' if bold else "") + (' text-anchor="end"' if end else "")
    return f'<text x="{x:.1f}" y="{y:.1f}"{style}>{escape(text)}</text>'
