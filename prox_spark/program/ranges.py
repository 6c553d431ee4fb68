"""Lines by their numbers: those that a prompt shows, and runs of them as ranges with both ends inclusive."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from prox_spark.program.operations import MAX_LINE

_NUMBERED = re.compile(r"\[([0-9]{3,})\](.*)", re.DOTALL)


def numbered_lines(prompt: str) -> Iterator[tuple[int, str]]:
    r"""Read the numbers and texts of a chunk's lines; lines without a number belong to the wrapper of the prompt.

    >>> list(numbered_lines("[doc]\n[007]Home\n[008]About us\n[/doc]"))
    [(7, 'Home'), (8, 'About us')]
    """
    for line in prompt.split("\n"):
        if match := _NUMBERED.fullmatch(line):
            yield int(match[1]), match[2]


def line_number(digits: str) -> int:
    """Read the number of a line; one that no text has is the largest that an operation holds.

    >>> line_number("007"), line_number("9" * 5000) == MAX_LINE
    (7, True)
    """
    significant = digits.lstrip("0")
    return MAX_LINE if len(significant) > 10 else min(int(significant or "0"), MAX_LINE)


def runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Join numbers that follow each other directly into ranges.

    >>> runs([0, 1, 2, 5])
    [(0, 2), (5, 5)]
    """
    ranges: list[tuple[int, int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1] = (ranges[-1][0], number)
        else:
            ranges.append((number, number))
    return ranges


def merged(ranges: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Join ranges that overlap or touch; they come in the order of their starts.

    >>> merged([(0, 3), (2, 2), (4, 6), (8, 9)])
    [(0, 6), (8, 9)]
    """
    joined: list[tuple[int, int]] = []
    for start, end in ranges:
        if joined and start <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], end))
        else:
            joined.append((start, end))
    return joined
