"""The result of an ablation that was made up, as `ablation.json` keeps it."""

from __future__ import annotations

from typing import Any


def interval(value: float, low: float | None = None, high: float | None = None) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high}


def result(other: str = "refined", **changes: Any) -> dict[str, Any]:
    """Give a result of two corpora on one set, the second one better for sure."""
    total = interval(-0.02, -0.03, -0.01)
    difference = {"set": "wiki", "arm": other, "by_seed": [-0.021, -0.019], "total": total, "seeds": total,
                  "documents": total, "is_clear": True}  # fmt: skip
    arms = [
        {"name": name, "documents": 9, "tokens": 4096, "read": read, "trained_tokens": 2048, "rounds": 0.5}
        for name, read in (("raw", 0.0), (other, 1.6))
    ]
    means = [
        {"set": "wiki", "arm": "raw", "by_seed": [2.0, 2.0], "mean": interval(2.0, 1.9, 2.1)},
        {"set": "wiki", "arm": other, "by_seed": [1.979, 1.981], "mean": interval(1.98, 1.97, 1.99)},
    ]
    given = {
        "model": {"parameters": 2_557_632}, "equal": "tokens", "seeds": [1, 2], "seconds": 120.0, "arms": arms,
        "held_out": [{"set": "wiki", "documents": 7, "bytes": 70_000, "sites": 6}], "left_out": {"passage": 3},
        "means": means, "differences": [difference], "answers": [], "answer_differences": [],
        "savings": [{"set": "wiki", "arm": other, "doubling": 0.1, "saved": interval(0.2, 0.1, 0.3)}],
    }  # fmt: skip
    return {**given, **changes}
