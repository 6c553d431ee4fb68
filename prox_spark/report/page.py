"""The page of a report: facts into one HTML file that needs no network, everything from the corpus escaped."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any

from prox_spark.errors import SessionError
from prox_spark.program.characters import visible
from prox_spark.program.stored import operation
from prox_spark.program.write import write
from prox_spark.report import charts
from prox_spark.report.differences import blocks
from prox_spark.report.numbers import duration

if TYPE_CHECKING:
    from prox_spark.audit.rows import ComparedRow
    from prox_spark.report.facts import Facts

MOST_OPERATIONS = 40
"""More operations of one document are counted, not listed."""


def render(facts: Facts, ablation: Mapping[str, Any] | None = None) -> str:
    """Write the page; what `ablate` found is a section of it."""
    try:
        import jinja2
        import markupsafe
    except ImportError as error:
        raise SessionError("the report is written with Jinja2: pip install jinja2") from error
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_asset),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=lambda value: visible(value) if type(value) is str else value,  # not what is markup already
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": _number, "share": _share, "time": _time, "clock": _duration, "pretty": _pretty}
    environment.filters["money"] = _money
    environment.filters["call"] = lambda row: write(operation(row))
    script = _asset("script.js")
    drawn = {name: markupsafe.Markup(svg) for name, svg in _charts(facts).items()}
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template("page.html.j2").render(
        facts=facts,
        charts=drawn,
        documents=[_document(row) for row in facts.gallery],
        beside=[_beside(row) for row in facts.against["sample"]] if facts.against else [],
        copies=[_copy(row) for row in facts.copies],
        style=markupsafe.Markup(_asset("style.css")),
        script=markupsafe.Markup(script),
        script_hash=digest,
        cost=_cost(facts),
        ablation=ablation,
        ablation_chart=markupsafe.Markup(charts.ablation(ablation)) if ablation and ablation["differences"] else None,
    )


def _charts(facts: Facts) -> dict[str, str]:
    drawings = {
        "sources": (charts.outcomes_by_source, facts.sources),
        "stages": (charts.words_by_stage, facts.stages),
        "histogram": (charts.histogram, facts.histogram),
        "operations": (charts.operations, facts.operations),
        "scores": (charts.scores, facts.scores),
    }
    return {name: draw(rows) for name, (draw, rows) in drawings.items() if rows}


def _document(row: dict[str, Any]) -> dict[str, Any]:
    url = row["url"] or ""
    return {
        **row,
        "title": url or row["doc_id"][:12],
        "link": url if url.startswith(("https://", "http://")) else None,
        "blocks": blocks(row["before"] or "", row["after"]),
        "listed": row["ops"][:MOST_OPERATIONS],
        "more": max(0, len(row["ops"]) - MOST_OPERATIONS),
    }


def _beside(row: ComparedRow) -> dict[str, Any]:
    """Give a document of which two versions have something else: what is only in the first, and only in the second."""
    return {**row, "title": row["url"] or row["doc_id"][:12], "blocks": blocks(row["text_a"] or "", row["text_b"])}


def _copy(row: dict[str, Any]) -> dict[str, Any]:
    return {
        **row,
        "title": row["url"] or row["doc_id"][:12],
        "of": row["twin_url"] or row["twin"][:12],
        "blocks": blocks(row["twin_text"], row["text"]),
    }


def _cost(facts: Facts) -> dict[str, Any]:
    refines = [row for row in facts.runs if row["command"] == "refine"]
    tokens = [row["prompt_tokens"] + (row["output_tokens"] or 0) for row in refines if row["prompt_tokens"] is not None]
    money = [row["cost"] for row in facts.runs if row["cost"] is not None]
    return {
        "tokens": sum(tokens) if tokens else None,
        "seconds": sum(row["seconds"] for row in facts.runs),
        "money": sum(money) if money else None,
    }


def _asset(name: str) -> str:
    return (resources.files("prox_spark.report") / "assets" / name).read_text(encoding="utf-8")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f}"


def _money(value: float | None) -> str:
    """Write an amount in the currency of the configured price, whatever it is.

    >>> _money(1234.5), _money(0.004), _money(None)
    ('1,234.50', '0.0040', '–')
    """
    if value is None:
        return "–"
    return f"{value:,.2f}" if value == 0 or value >= 0.01 else f"{value:.4f}"


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole else "–"


def _time(moment: str | None) -> str:
    return moment[:16].replace("T", " ") if moment else "–"


def _duration(seconds: float | None) -> str:
    return "–" if seconds is None else duration(seconds)


def _pretty(value: object) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True)
