"""Two rules of UltraX's executor that compare strings: how replacements on one line go together, and what is a loop."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher

from prox_spark.program.readers.ultrax_calls import Call

_SAME = 0.85
"""The similarity from which on two added lines are taken for the same."""

Edit = tuple[int, int, str]
"""Characters of a line, the end not included, and what comes in their place."""


def on_one_line(line: str, replacements: Sequence[tuple[str, str]]) -> str | None:
    """Make one line of several replacements on it; None where they change nothing.

    The longest come first. What they insert without taking anything is lost.
    """
    edits: list[Edit] = []
    sources: set[str] = set()
    for source, target in sorted(replacements, key=lambda pair: -len(pair[0])):
        if source == target or source in sources:
            continue
        sources.add(source)
        at = line.find(source)
        for kind, start, end, first, last in SequenceMatcher(None, source, target).get_opcodes():
            if kind != "equal" and start != end:
                trimmed = _beside(edits, (at + start, at + end, target[first:last]))
                edits += [] if trimmed is None else [trimmed]
    return _joined(line, sorted(edits)) if edits else None


def _beside(edits: Iterable[Edit], edit: Edit) -> Edit | None:
    """Trim an edit so that it touches none before it; None where it lies within one, or around one."""
    start, end, text = edit
    for other_start, other_end, _ in edits:
        if (start >= other_start and end <= other_end) or (start < other_start and end > other_end):
            return None
        if start < other_start < end:
            text, end = text[: max(0, len(text) - (end - other_start))], other_start
        elif start < other_end < end:
            text, start = text[other_end - start :], other_end
    return (start, end, text) if start < end else None


def _joined(line: str, edits: Sequence[Edit]) -> str:
    parts, at = [], 0
    for place, (start, end, text) in enumerate(edits):
        touches = place + 1 < len(edits) and edits[place + 1][0] == end
        parts += [line[at:start], text[: end - start] if touches else text]
        at = end
    return "".join([*parts, line[at:]])


def is_repetitive(calls: Sequence[Call], text: str) -> bool:
    """Say whether a program is taken for a loop, so that the text is kept."""
    if len(calls) < 3:
        return False
    added = [(call[1], call[3]) for call in calls if call[0] == "add_line"]
    bases: dict[str, set[int]] = defaultdict(set)
    for base, line in added:
        bases[line].add(base)
    removed = Counter(call[1:] for call in calls if call[0] == "remove_lines")
    replaced = Counter(call[2:] for call in calls if call[0] == "replace_str")
    return (
        any(times > 2 for times in Counter(added).values())
        or any(len(different) > 3 for different in bases.values())
        or any(times > 3 for times in removed.values())
        or any(times > 30 and text.count(source) < 0.8 * times for (source, _), times in replaced.items())
        or _has_cluster([line for _, line in added])
    )


def _has_cluster(lines: Iterable[str]) -> bool:
    """Say whether more than three lines are like the first of them."""
    firsts: list[tuple[str, int]] = []
    for line in lines:
        matcher = SequenceMatcher(None, "", line)
        for place, (first, members) in enumerate(firsts):
            matcher.set_seq1(first)
            # The two quick ratios are never less than the ratio itself, and cost a fraction of it.
            if matcher.real_quick_ratio() >= _SAME and matcher.quick_ratio() >= _SAME and matcher.ratio() >= _SAME:
                if members == 3:
                    return True
                firsts[place] = first, members + 1
                break
        else:
            firsts.append((line, 1))
    return False
