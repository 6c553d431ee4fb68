"""A text before and after as lines for a page: what stays, went or came, and the words that changed inside a line."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prox_spark.program.characters import visible

CONTEXT = 3
"""Lines of a longer unchanged run that are shown at its ends."""

PAIRABLE = 0.5
"""A removed and an added line that share more than this are shown as one line that was edited."""

MOST_PAIRS = 1_000_000
"""Pairs of the same line, or word, that are weighed against each other: a tenth of a second, and that many times over
where texts differ in many places. With more, what stands everywhere (a blank, an empty line) no longer counts as a
place where texts are alike."""

Opcode = tuple[str, int, int, int, int]
"""As `difflib` gives them: what to do, and the ranges of both sequences, ends not included."""

WORDS = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of the page.

    Attributes:
        sign: ` ` stays, `-` went, `+` came.
        number: 1-based line of the text before, None for one that came.
        parts: Pieces of the line, each with whether it is what changed in it.
    """

    sign: str
    number: int | None
    parts: tuple[tuple[str, bool], ...]


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that are shown, or hidden until they are asked for."""

    lines: tuple[DiffLine, ...]
    hidden: bool


def blocks(before: str, after: str | None) -> list[Block]:
    r"""Give the difference of two texts; `after` None is a text that was dropped.

    >>> [line.sign + line.parts[0][0] for block in blocks("Menu\nA page.", "A page.") for line in block.lines]
    ['-Menu', ' A page.']
    """
    lines = list(_lines(before.split("\n"), [] if after is None else after.split("\n")))
    all_blocks: list[Block] = []
    start = 0
    for first, last in _long_runs(lines, unchanged=after is not None):
        all_blocks += [Block(tuple(lines[start:first]), False), Block(tuple(lines[first:last]), True)]
        start = last
    all_blocks.append(Block(tuple(lines[start:]), False))
    return [block for block in all_blocks if block.lines]


def _long_runs(lines: Sequence[DiffLine], *, unchanged: bool) -> Iterator[tuple[int, int]]:
    """Give the middles of long runs: of lines that stay, or of a dropped text after its first lines."""
    if not unchanged:
        if len(lines) > 12 * CONTEXT:
            yield 10 * CONTEXT, len(lines)
        return
    start = 0
    for number in range(len(lines) + 1):
        if number == len(lines) or lines[number].sign != " ":
            if number - start > 2 * CONTEXT + 2:
                yield start + CONTEXT * (start > 0), number - CONTEXT * (number < len(lines))
            start = number + 1


def opcodes(before: Sequence[str], after: Sequence[str]) -> list[Opcode]:
    """Say how one sequence becomes another, in time that does not grow with the square of what both repeat.

    >>> opcodes("abcd", "abxd")
    [('equal', 0, 2, 0, 2), ('replace', 2, 3, 2, 3), ('equal', 3, 4, 3, 4)]
    """
    shorter = min(len(before), len(after))
    head = next((place for place in range(shorter) if before[place] != after[place]), shorter)
    tail = next((place for place in range(shorter - head) if before[-1 - place] != after[-1 - place]), shorter - head)
    old, new = before[head : len(before) - tail], after[head : len(after) - tail]
    times = Counter(new)
    pairs = sum(times[item] for item in old)
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=pairs > MOST_PAIRS)
    codes: list[Opcode] = [("equal", 0, head, 0, head)]
    codes += [(tag, head + a, head + b, head + c, head + d) for tag, a, b, c, d in matcher.get_opcodes()]
    codes.append(("equal", len(before) - tail, len(before), len(after) - tail, len(after)))
    return [code for code in codes if code[1] < code[2] or code[3] < code[4]]


def _lines(before: Sequence[str], after: Sequence[str]) -> Iterator[DiffLine]:
    for tag, start, end, new_start, new_end in opcodes(before, after):
        if tag == "equal":
            yield from (DiffLine(" ", number + 1, _whole(before[number])) for number in range(start, end))
        else:
            yield from _changed(before[start:end], after[new_start:new_end], start)


def _changed(old: Sequence[str], new: Sequence[str], start: int) -> Iterator[DiffLine]:
    waiting = list(new)
    for number, line in enumerate(old, start + 1):
        pair = waiting[0] if waiting and _alike(line, waiting[0]) else None
        if pair is None:
            yield DiffLine("-", number, _whole(line))
            continue
        waiting.pop(0)
        was, now = _words(line, pair)
        yield DiffLine("-", number, was)
        yield DiffLine("+", None, now)
    yield from (DiffLine("+", None, _whole(line)) for line in waiting)


def _alike(old: str, new: str) -> bool:
    matcher = difflib.SequenceMatcher(None, old[:400], new[:400], autojunk=False)
    return matcher.quick_ratio() > PAIRABLE and matcher.ratio() > PAIRABLE


def _words(old: str, new: str) -> tuple[tuple[tuple[str, bool], ...], tuple[tuple[str, bool], ...]]:
    was, now = WORDS.findall(old), WORDS.findall(new)
    sides: tuple[list[tuple[str, bool]], list[tuple[str, bool]]] = ([], [])
    for tag, start, end, new_start, new_end in opcodes(was, now):
        for side, words in ((sides[0], was[start:end]), (sides[1], now[new_start:new_end])):
            if words:
                side.append((visible("".join(words)), tag != "equal"))
    return tuple(sides[0]), tuple(sides[1])


def _whole(line: str) -> tuple[tuple[str, bool], ...]:
    return ((visible(line), False),)
