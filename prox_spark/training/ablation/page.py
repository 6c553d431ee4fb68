"""The result of an ablation as people paste it into a decision: Markdown tables, and a picture drawn by Vega as SVG."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prox_spark.program.characters import visible
from prox_spark.training.ablation.cost import REFINING_RATE, TRAINING_RATE, hours, pays_from

_COLOURS = {"ink": "#333333", "muted": "#777777", "line": "#dddddd", "better": "#1b6ca8", "unclear": "#9aa7b1"}
_WIDTH = 520
Result = Mapping[str, Any]


def summary(result: Result) -> str:
    """Write a result as Markdown."""
    parts = [_heading(result), _arms(result), *(_set(result, item["set"]) for item in result["held_out"])]
    if result["answers"]:
        parts.append(_answers(result))
    if result["savings"]:
        parts.append(_savings(result))
    return "\n\n".join(parts) + "\n"


def plot(result: Result) -> str:
    """Draw how each arm differs from the first, a panel for each set, as SVG."""
    import vl_convert  # 30 MB, which importing this shall not cost

    return str(vl_convert.vegalite_to_svg(json.dumps({"background": "white", **spec(result, _COLOURS)})))


def plot_cost(read: float = 1.6, shares: Sequence[float] = (0.05, 0.1, 0.2, 0.4)) -> str:
    """Draw what refining leaves of the GPU hours of training, by the size of the model, as SVG.

    Args:
        read: Tokens that the refiner reads and writes for each token that it leaves.
        shares: Tokens saved, a line for each.
    """
    import vl_convert

    values = []
    for share in shares:
        for step in range(61):
            spent = hours(10 ** (8 + step / 20), 1e11, share, read)
            left = 1 - (spent.refined + spent.refining) / spent.raw
            values.append({"saved": f"{share:.0%}", "weights": spent.parameters, "left": left})
    x = {
        "field": "weights",
        "type": "quantitative",
        "scale": {"type": "log"},
        "title": "weights of the model that is trained",
    }
    y = {
        "field": "left",
        "type": "quantitative",
        "title": "GPU hours saved",
        "scale": {"domain": [-0.5, 0.5]},
        "axis": {"format": "+.0%"},
    }
    lines = {"field": "saved", "type": "nominal", "sort": None, "title": "tokens saved"}
    zero = {"data": {"values": [{}]}, "mark": {"type": "rule", "color": _COLOURS["muted"]}}
    drawn = {
        "background": "white",
        "width": _WIDTH,
        "height": 260,
        "data": {"values": values},
        "layer": [
            {**zero, "encoding": {"y": {"datum": 0}}},
            {"mark": {"type": "line", "clip": True}, "encoding": {
                "x": {**x, "axis": {"format": "~s"}}, "y": y, "color": lines,
            }},
        ],
    }  # fmt: skip
    return str(vl_convert.vegalite_to_svg(json.dumps(drawn)))


def spec(result: Result, colours: Mapping[str, str]) -> dict[str, Any]:
    """Describe the picture: a dot for the mean with its interval, and a stroke for each pair of runs.

    Args:
        result: The result.
        colours: Of `ink`, `muted`, `line`, of an arm that is `better` or worse for sure, and one that is `unclear`.
    """
    first = label(result["arms"][0]["name"])
    rows = [
        {
            "set": label(item["set"]), "arm": label(item["arm"]), "pairs": item["by_seed"],
            "value": item["total"]["value"], "low": item["total"]["low"], "high": item["total"]["high"],
            "colour": colours["better" if item["is_clear"] else "unclear"],
        }
        for item in result["differences"]
    ]  # fmt: skip
    pairs = [{**row, "value": value} for row in rows for value in row["pairs"]]
    arm = {"field": "arm", "type": "nominal", "sort": None, "title": None}
    axis = {"title": f"bits a byte more than {first}; left of the line is better", "format": "+.3f", "tickCount": 6}
    value = {"field": "value", "type": "quantitative", "axis": axis}
    colour = {"field": "colour", "type": "nominal", "scale": None}
    layers = [
        {
            "data": {"values": [{}]},
            "mark": {"type": "rule", "color": colours["muted"]},
            "encoding": {"x": {"datum": 0}},
        },
        {
            "mark": {"type": "rule", "strokeWidth": 2},
            "encoding": {"y": arm, "x": {**value, "field": "low"}, "x2": {"field": "high"}, "color": colour},
        },
        {"mark": {"type": "point", "filled": True, "size": 90}, "encoding": {"y": arm, "x": value, "color": colour}},
    ]
    panels = [
        {
            "title": {"text": name, "anchor": "start", "color": colours["ink"], "fontSize": 12, "limit": _WIDTH},
            "width": _WIDTH,
            "height": {"step": 26},
            "data": {"values": [row for row in rows if row["set"] == name]},
            "layer": [
                *layers,
                {
                    "data": {"values": [row for row in pairs if row["set"] == name]},
                    "mark": {"type": "tick", "color": colours["ink"], "thickness": 1.5, "size": 12},
                    "encoding": {"y": arm, "x": value},
                },
            ],
        }
        for name in dict.fromkeys(row["set"] for row in rows)
    ]
    return {"vconcat": panels}


def label(name: str) -> str:
    """Write a name on one line; a control character in a text that Vega draws ends the whole process."""
    return " ".join(visible(name).split())


def _heading(result: Result) -> str:
    model, tokens = result["model"], max(arm["trained_tokens"] for arm in result["arms"])
    said = (
        f"A model of {model['parameters'] / 1e6:,.1f}M weights from nothing, {tokens:,} tokens a run, "
        f"equal {result['equal']}, {len(result['seeds'])} seeds; {result['seconds'] / 60:,.0f} minutes of training and "
        "judging."
    )
    return said + _left_out(result.get("left_out", {}))


def _left_out(reasons: Mapping[str, int]) -> str:
    if not reasons:
        return " No document to learn from showed what is judged on."
    said = ", ".join(f"{count:,} by {reason}" for reason, count in sorted(reasons.items()))
    return f" Left out of all corpora, because they show what is judged on: {said}."


def _arms(result: Result) -> str:
    rows = [
        (
            arm["name"],
            f"{arm['documents']:,}",
            f"{arm['tokens']:,}",
            f"{arm['trained_tokens']:,}",
            f"{arm['rounds']:.2f}",
        )
        for arm in result["arms"]
    ]
    return _table(("corpus", "documents", "tokens there", "tokens trained on", "times seen"), rows)


def _set(result: Result, name: str) -> str:
    size = next(item for item in result["held_out"] if item["set"] == name)
    differences = {item["arm"]: item for item in result["differences"] if item["set"] == name}
    rows = []
    for mean in (item for item in result["means"] if item["set"] == name):
        own = differences.get(mean["arm"])
        total = _interval(own["total"], "+.4f") if own else "–"
        each = " ".join(f"{value:+.4f}" for value in own["by_seed"]) if own else "–"
        rows.append((mean["arm"], f"{mean['mean']['value']:.4f}", total, each, _said(own)))
    title = f"**{name}**: {size['documents']:,} documents of {size['sites']:,} sites, {size['bytes'] / 1e6:,.2f} MB"
    first = result["arms"][0]["name"]
    return f"{title}\n\n" + _table(("corpus", "bits a byte", f"against {first} (95 %)", "by seed", ""), rows)


def _said(difference: Mapping[str, Any] | None) -> str:
    if difference is None:
        return ""
    if difference["total"]["low"] is None:
        return "not known"
    if not difference["is_clear"]:
        return "no difference is shown"
    return "better" if difference["total"]["value"] < 0 else "worse"


def _answers(result: Result) -> str:
    differences = {item["arm"]: item for item in result["answer_differences"]}
    rows = [
        (
            mean["arm"], f"{mean['mean']['value']:.1%}",
            _interval(differences[mean["arm"]]["total"], "+.1%") if mean["arm"] in differences else "–",
        )
        for mean in result["answers"]
    ]  # fmt: skip
    return _table(("corpus", "right answers", "against the first (95 %)"), rows)


def _savings(result: Result) -> str:
    read = {arm["name"]: arm["read"] for arm in result["arms"]}
    rows = []
    for item in result["savings"]:
        saved, tokens = item["saved"], read[item["arm"]]
        pays = pays_from(saved["value"], tokens) if tokens else None
        gained = f"{item['doubling']:.4f}"
        rows.append((item["arm"], item["set"], gained, _interval(saved, ".0%"), _weights(pays)))
    note = (
        "Tokens saved: what the first corpus gains from half of its tokens to all of them, taken as the worth of every "
        "doubling. Pays from: weights of the model whose training saves what refining costs, at "
        f"{REFINING_RATE:,.0f} tokens a second and GPU refined and {TRAINING_RATE:.0e} FLOPs a second and GPU trained; "
        "a dash where no model refined, or nothing is saved."
    )
    head = ("corpus", "judged on", "bits a byte by twice the tokens", "tokens saved (95 %)", "pays from")
    return f"{_table(head, rows)}\n\n{note}"


def _weights(count: float | None) -> str:
    return "–" if count is None else f"{count / 1e9:,.2f}B"


def _interval(value: Mapping[str, Any], form: str) -> str:
    if value["low"] is None:
        return f"{value['value']:{form}}"
    return f"{value['value']:{form}} ({value['low']:{form}} to {value['high']:{form}})"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(visible(cell).replace('|', '/') for cell in line)} |" for line in lines)
