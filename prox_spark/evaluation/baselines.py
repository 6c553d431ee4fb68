"""The rules that a model has to beat: for each, which lines of a page it removes, or whether it drops the page.

`context` stands for the family of extractors that look at lines and their neighbours (jusText, the fallback of
trafilatura): lines are good by length and share of function words, and short ones share the fate of what is around.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from prox_spark.engines.rules import broken_rules, c4_line

Kind = Literal["good", "near", "short", "bad"]

_ENGLISH = """
a about after all also an and are as at be been but by can could did do for from had has have he her his how i if
in into is it its just like may me more my no not of on one or other our out over said she so some than that the
their them then there they this to up was we were what when which who will with would you your
"""
_FUNCTION_WORDS = frozenset(_ENGLISH.split())
_SHORT, _LONG = 70, 200  # characters, as in jusText
_SOME, _MANY = 0.30, 0.32  # share of function words, as in jusText


def _keep_all(lines: Sequence[str]) -> list[bool]:
    return [False] * len(lines)


def _c4(lines: Sequence[str]) -> list[bool]:
    return [c4_line(line) is not None for line in lines]


def _ten_words(lines: Sequence[str]) -> list[bool]:
    return [len(line.split()) < 10 for line in lines]


def _context(lines: Sequence[str]) -> list[bool]:
    kinds = [_kind(line) for line in lines]
    settled: list[bool | None] = [True if k == "good" else False if k == "bad" else None for k in kinds]
    above, below = _nearest(settled), _nearest(settled[::-1])[::-1]
    kept = []
    for kind, fate, up, down in zip(kinds, settled, above, below, strict=True):
        if fate is not None:
            kept.append(fate)
        else:
            kept.append((up or down) if kind == "near" else (up and down))
    return [not keep for keep in kept]


def _nearest(fates: Sequence[bool | None]) -> list[bool]:
    """Give for each line the last settled fate before it."""
    nearest, last = [], False
    for fate in fates:
        nearest.append(last)
        last = last if fate is None else fate
    return nearest


def _kind(line: str) -> Kind:
    words = line.split()
    usual = sum(1 for word in words if word.lower().strip(".,;:!?") in _FUNCTION_WORDS) / max(1, len(words))
    if "\u00a9" in line or len(line) < _SHORT:
        return "bad" if "\u00a9" in line else "short"
    if usual >= _MANY:
        return "good" if len(line) > _LONG else "near"
    return "near" if usual >= _SOME else "bad"


def _whole(*rule_sets: Literal["c4", "gopher", "fineweb"]) -> Callable[[Sequence[str]], list[bool]]:
    def remove(lines: Sequence[str]) -> list[bool]:
        return [bool(broken_rules("\n".join(lines), rule_sets))] * len(lines)

    return remove


LINE_BASELINES: dict[str, Callable[[Sequence[str]], list[bool]]] = {
    "keep all": _keep_all,
    "C4 lines": _c4,
    "ten words": _ten_words,
    "context": _context,
    "Gopher": _whole("gopher"),
    "FineWeb": _whole("fineweb"),
}
"""Name to the lines that are removed; Gopher and FineWeb keep or drop a page as a whole."""

DOCUMENT_BASELINES: dict[str, Callable[[str], bool]] = {
    "keep all": lambda _: False,
    "C4": lambda text: bool(broken_rules(text, ("c4",))),
    "Gopher": lambda text: bool(broken_rules(text, ("gopher",))),
    "FineWeb": lambda text: bool(broken_rules(text, ("fineweb",))),
    "C4, Gopher, FineWeb": lambda text: bool(broken_rules(text, ("c4", "gopher", "fineweb"))),
}
"""Name to whether the document is dropped."""
