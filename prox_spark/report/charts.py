"""The charts of a report: Vega-Lite, drawn to SVG when the report is made, so that the page needs no script for them.

Vega labels every mark for screen readers. Colours are drawn as placeholders and become CSS variables, so that one SVG
serves light, dark and print.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from prox_spark.errors import SessionError
from prox_spark.training.ablation.page import label, spec

# Placeholder → CSS variable. Any colour will do that no chart would use by itself.
VARIABLES = {
    "#010203": "--ink",
    "#010204": "--muted",
    "#010205": "--line",
    "#010206": "--kept",
    "#010207": "--edited",
    "#010208": "--dropped",
    "#010209": "--failed",
    "#01020a": "--not-run",
    "#01020b": "--before",
    "#01020c": "--after",
    "#01020d": "--series-1",
    "#01020e": "--series-2",
    "#01020f": "--series-3",
    "#010210": "--series-4",
    "#010211": "--series-5",
    "#010212": "--series-6",
}
PLACEHOLDERS = {variable.removeprefix("--"): placeholder for placeholder, variable in VARIABLES.items()}
WIDTH = 760
LONGEST_LABEL = 220
"""Pixels of a name: Vega draws a longer one by its beginning, and its bars are its own all the same."""

PADDING = {"left": 28, "right": 12, "top": 5, "bottom": 5}
"""Room for labels in fonts that are wider than the one they were measured in."""

Rows = Sequence[Mapping[str, Any]]


def outcomes_by_source(sources: Rows) -> str:
    """Draw the share of documents that were kept, edited and dropped, a bar per source."""
    names = [name for name in ("kept", "edited", "dropped") if any(row[name] for row in sources)]
    values = [
        {
            "source": label(f"{row['source']} {row['snapshot'] or ''}"),
            "change": name,
            "documents": row[name],
            "order": at,
        }
        for row in sources
        for at, name in enumerate(names)
    ]
    return _bars(values, "source", "documents", "change", names, stack="normalize", title="share of documents")


def words_by_stage(stages: Rows) -> str:
    """Draw the words that are left after each pass, stacked by source."""
    order = list(dict.fromkeys(row["stage"] for row in stages))
    names = list(dict.fromkeys(row["source"] for row in stages))
    values = [
        {
            "stage": label(row["stage"]),
            "source": row["source"],
            "words": row["words"] or 0,
            "order": names.index(row["source"]),
        }
        for row in stages
    ]
    colours = [PLACEHOLDERS[f"series-{1 + number % 6}"] for number in range(len(names))]
    return _bars(values, "stage", "words", "source", names, colours=colours, sort=[label(name) for name in order])


def operations(rows: Rows) -> str:
    """Draw how many operations of each kind were applied and rejected."""
    values = [
        {
            "operation": label(f"{row['pass_name']}: {row['op']}"),
            "fate": row["status"],
            "operations": row["operations"],
        }
        for row in rows
    ]
    names = ["applied", "rejected"]
    colours = [PLACEHOLDERS["edited"], PLACEHOLDERS["dropped"]]
    order = list(dict.fromkeys(value["operation"] for value in values))  # as the passes follow each other
    return _bars(values, "operation", "operations", "fate", names, colours=colours, sort=order)


def histogram(bins: Rows) -> str:
    """Draw documents by their words, before and after, side by side on a scale that grows by factors."""
    labels = [f"{row['low']:,}" for row in bins]
    values = [
        {"words": low, "when": when, "documents": row[when]}
        for low, row in zip(labels, bins, strict=True)
        for when in ("before", "after")
    ]
    when = {"field": "when", "type": "nominal", "sort": ["before", "after"], "title": None}
    scale = {"domain": ["before", "after"], "range": [PLACEHOLDERS["before"], PLACEHOLDERS["after"]]}
    axis = {"labelAngle": 0, "labelOverlap": True, "title": "words of a document, from … (each step × 1.78)"}
    return _draw(
        {
            "height": 220,
            "data": {"values": values},
            "mark": {"type": "bar", "cornerRadiusEnd": 1},
            "encoding": {
                "x": {"field": "words", "type": "ordinal", "sort": labels, "axis": axis},
                "xOffset": {"field": "when", "sort": ["before", "after"]},
                "y": {"field": "documents", "type": "quantitative", "title": "documents", "axis": {"tickMinStep": 1}},
                "color": {**when, "scale": scale, "legend": {"orient": "top"}},
            },
        }
    )


def scores(bins: Rows) -> str:
    """Draw documents by their score, those of several passes beside each other."""
    values = [
        {"score": f"{row['low']:g}", "low": row["low"], "pass": label(row["pass_name"]), "documents": row["documents"]}
        for row in bins
    ]
    names = list(dict.fromkeys(value["pass"] for value in values))
    colours = [PLACEHOLDERS[f"series-{1 + number % 6}"] for number in range(len(names))]
    by_score = sorted(values, key=lambda value: float(value["low"]))
    labels = list(dict.fromkeys(value["score"] for value in by_score))
    axis = {"labelAngle": 0, "labelOverlap": True, "title": "score of a document, from …"}
    return _draw(
        {
            "height": 220,
            "data": {"values": values},
            "mark": {"type": "bar", "cornerRadiusEnd": 1},
            "encoding": {
                "x": {"field": "score", "type": "ordinal", "sort": labels, "axis": axis},
                "xOffset": {"field": "pass", "sort": names},
                "y": {"field": "documents", "type": "quantitative", "title": "documents", "axis": {"tickMinStep": 1}},
                "color": {
                    "field": "pass",
                    "type": "nominal",
                    "title": None,
                    "scale": {"domain": names, "range": colours},
                    "legend": {"orient": "top"},
                },
            },
        }
    )


def ablation(result: Mapping[str, Any]) -> str:
    """Draw how models that learned from each corpus differ from those of the first, with intervals."""
    colours = {"better": PLACEHOLDERS["edited"], "unclear": PLACEHOLDERS["muted"]}
    return _draw(spec(result, {**PLACEHOLDERS, **colours}))


def _bars(
    values: Rows,
    category: str,
    number: str,
    series: str,
    names: Sequence[str],
    *,
    colours: Sequence[str] | None = None,
    sort: Sequence[str] | None = None,
    stack: str | bool = True,
    title: str | None = None,
) -> str:
    colours = colours or [PLACEHOLDERS[name.replace("_", "-")] for name in names]
    rank = {name: at for at, name in enumerate(names)}
    ranked = [{**row, "order": rank[row[series]]} for row in values]
    axis = {"format": "%" if stack == "normalize" else "~s", "title": title or number, "tickCount": 6}
    scale = {"domain": list(names), "range": list(colours)}
    return _draw(
        {
            "height": {"step": 34},
            "data": {"values": ranked},
            "mark": {"type": "bar", "height": {"band": 0.72}},
            "encoding": {
                "y": {"field": category, "type": "nominal", "sort": list(sort) if sort else None, "title": None},
                "x": {"field": number, "aggregate": "sum", "type": "quantitative", "stack": stack, "axis": axis},
                "color": {
                    "field": series,
                    "type": "nominal",
                    "title": None,
                    "scale": scale,
                    "legend": {"orient": "top"},
                },
                "order": {"field": "order", "type": "quantitative"},
            },
        }
    )


def _draw(spec: Mapping[str, Any]) -> str:
    try:
        import vl_convert
    except ImportError as error:
        raise SessionError("the report draws its charts with vl-convert: pip install vl-convert-python") from error
    drawn = vl_convert.vegalite_to_svg(json.dumps({"width": WIDTH, "padding": PADDING, **spec, "config": _config()}))
    return _themed(str(drawn))


def _config() -> dict[str, Any]:
    text = {"labelColor": PLACEHOLDERS["muted"], "titleColor": PLACEHOLDERS["muted"]}
    fonts = {"labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal", "labelLimit": LONGEST_LABEL}
    lines = {"gridColor": PLACEHOLDERS["line"], "domainColor": PLACEHOLDERS["line"], "tickColor": PLACEHOLDERS["line"]}
    return {
        "background": None,
        "font": "sans-serif",
        "view": {"stroke": None},
        "axis": {**text, **fonts, **lines},
        "axisY": {"domain": False, "ticks": False, "labelPadding": 8},
        "legend": {"labelColor": PLACEHOLDERS["ink"], "labelFontSize": 12, "symbolType": "square"},
    }


def _themed(svg: str) -> str:
    """Turn placeholders into CSS variables, and let the SVG shrink with the page."""
    for placeholder, variable in VARIABLES.items():
        svg = svg.replace(f'"{placeholder}"', f'"var({variable})"')
    own = hashlib.sha256(svg.encode()).hexdigest()[:8]  # ids are those of the page, and each chart numbers its own
    svg = re.sub(r'(id="|url\(#)(?=\w)', rf"\g<1>c{own}-", svg)
    svg = re.sub(r' width="(\d+)" height="(\d+)"', r' width="\1" style="max-width:100%;height:auto"', svg, count=1)
    return svg.replace('font-family="sans-serif"', 'font-family="inherit"')
