"""The scoreboard as one picture: a bar for every candidate and source, with its interval, drawn by Vega as SVG."""

from __future__ import annotations

import json
from collections.abc import Sequence

from prox_spark.evaluation.run import Row

_ENGINE, _BASELINE, _INTERVAL = "#1b6ca8", "#b8c4ce", "#333333"


def plot(rows: Sequence[Row], *, who: str) -> str:
    """Draw the F1 of kept words (of kept documents) of the rows for whole sources; `who` is drawn in blue."""
    import vl_convert  # 30 MB, which importing the scores shall not cost

    values = [
        {
            "panel": f"{row.source if row.page_type == 'all' else f'{row.source}, {row.page_type}'} "
            f"({row.summary.pages:,} {'pages' if row.level == 'lines' else 'documents'})",
            "who": row.who,
            "colour": _ENGINE if row.who == who else _BASELINE,
            "f1": row.kept_f1.value,
            "low": row.kept_f1.low,
            "high": row.kept_f1.high,
        }
        for row in rows
        if row.page_type in ("all", "unanimous")
    ]
    f1, low, high = (
        {"field": name, "type": "quantitative", "scale": {"domain": [0, 1]}, "title": None}
        for name in ("f1", "low", "high")
    )
    colour = {"field": "colour", "type": "nominal", "scale": None}
    number = {"field": "f1", "format": ".3f"}
    layers = [
        {"mark": "bar", "encoding": {"x": f1, "color": colour}},
        {"mark": {"type": "rule", "color": _INTERVAL}, "encoding": {"x": low, "x2": {"field": "high"}}},
        {"mark": {"type": "text", "align": "left", "dx": 6}, "encoding": {"x": high, "text": number}},
    ]
    spec = {
        "title": "F1 of what is kept: words of a page (mean over pages), documents",
        "background": "white",
        "data": {"values": values},
        "facet": {"row": {"field": "panel", "sort": None, "title": None, "header": {"labelOrient": "top"}}},
        "spec": {
            "width": 420,
            "height": {"step": 18},
            "encoding": {"y": {"field": "who", "type": "nominal", "sort": None, "title": None}},
            "layer": layers,
        },
        "resolve": {"scale": {"y": "independent"}},
    }
    return str(vl_convert.vegalite_to_svg(json.dumps(spec)))
