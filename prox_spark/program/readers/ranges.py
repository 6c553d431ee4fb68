"""The reader of `keep_ranges` (IndexLM): `[[4, 5], [7, 23]]`, the lines to keep with both ends inclusive, or `NA`.

A list of which no range is about a line that was shown says nothing: it would remove all of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from prox_spark.program.operations import Operation
from prox_spark.program.ranges import line_number, merged
from prox_spark.program.readers.answer import BLANK, Answer, Collected
from prox_spark.program.stored import Readings
from prox_spark.program.thoughts import without_thoughts

_RANGE = re.compile(r"\s*\[\s*([0-9]+)\s*,\s*([0-9]+)\s*\]\s*(,|\Z)")


def read(text: str, answers: Sequence[Answer]) -> list[Readings]:
    """Read each answer on its own; one that is not such a list, whole, says nothing."""
    count = text.count("\n") + 1
    return [_read(answer, count) for answer in answers]


def _read(answer: Answer, count: int) -> Readings:
    collected = Collected()
    said = without_thoughts(answer.completion or "")[0].strip(BLANK)
    if said == "NA":
        collected.add(answer.verdict(drops=True, text_lines=count), 0, said)
    elif said:
        kept = _ranges(said, answer)
        if isinstance(kept, str):
            collected.add("truncated" if answer.finish_reason == "length" else kept, 0, said)
        else:
            for operation in _complement(answer, kept):
                collected.add(operation, 0, said)
    return collected.readings()


def _ranges(said: str, answer: Answer) -> list[tuple[int, int]] | str:
    """Give the ranges that are about lines which were shown, or the reason why there are none."""
    if not (said.startswith("[") and said.endswith("]")):
        return "not_an_operation"
    inside, ranges, at = said[1:-1], list[tuple[int, int]](), 0
    while at < len(inside):
        match = _RANGE.match(inside, at)
        if match is None or (match[3] and match.end() == len(inside)):
            return "bad_arguments"
        start, end = line_number(match[1]), line_number(match[2])
        if start > end:
            return "reversed_range"
        ranges.append((start, end))
        at = match.end()
    low, high = answer.numbers
    return [(start, end) for start, end in ranges if start <= high and end >= low] or "bad_arguments"


def _complement(answer: Answer, kept: list[tuple[int, int]]) -> list[Operation]:
    """Remove the chunk's own lines that no range keeps; where all are kept, keep the chunk."""
    low, high = answer.numbers
    places = [(answer.place(max(start, low)), answer.place(min(end, high))) for start, end in kept]
    first, last = answer.own
    removals = list[Operation]()
    for start, end in merged(sorted(places)):
        if start > first:
            removals.append(Operation("remove_lines", first, min(start - 1, last)))
        first = max(first, end + 1)
        if first > last:
            break
    if first <= last:
        removals.append(Operation("remove_lines", first, last))
    return removals or [Operation("keep_chunk")]
