r"""What UltraX's own executor makes of the answers to all windows of a text, as operations for `program.published`.

Answers become one program: a window's removals are clipped to its own lines, other operations about lines that it does
not own are left out. The program is then written with Python's `repr` and read again, which is why characters that
`repr` escapes are never found. Lines are those of `str.splitlines`; an added line has the key `base + sub / 10000`, and
overwrites whatever has that key. docs/refiners.md says which of this is no good.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from prox_spark.program.operations import Operation
from prox_spark.program.published import unified
from prox_spark.program.ranges import merged, runs
from prox_spark.program.readers.answer import Answer, Whole
from prox_spark.program.readers.ultrax_calls import Call, parse, write
from prox_spark.program.readers.ultrax_rules import is_repetitive, on_one_line

_NO_THOUGHT = "<think>\n\n</think>\n\n"
KEPT = (Operation("keep_doc"),)


def read(text: str, answers: Sequence[Answer]) -> tuple[Operation, ...]:
    """Give what the executor makes of the answers: the lines that go or are others then."""
    text = unified(text)
    calls = _one_program(answers, text.count("\n") + 1)
    if not isinstance(answers[0].chunk, Whole):  # of windows, one or several, the programs are written and read again
        calls = parse("\n".join(map(write, calls)))
    if not text.strip() or is_repetitive(calls, text):
        return KEPT
    lines = text.splitlines(keepends=True)
    calls = _one_place_each(calls, lines)
    if not calls or calls == [("keep_all",)]:
        return KEPT
    if calls == [("remove_all",)]:
        return (Operation("drop_doc"),)
    try:
        return _changes(text, _executed(calls, lines))
    except OverflowError:  # of a key
        return KEPT


def _one_program(answers: Sequence[Answer], count: int) -> list[Call]:
    """Join the programs of all windows."""
    programs = [parse((answer.completion or "").removeprefix(_NO_THOUGHT)) for answer in answers]
    if len(programs) == 1:
        return programs[0]
    calls: list[Call] = []
    for answer, program in zip(answers, programs, strict=True):
        first, last = (line + 1 for line in answer.own)
        calls += (owned for call in program if (owned := _owned(call, first, last)) is not None)
    if calls and all(call[0] == "remove_lines" for call in calls):
        ranges = sorted((max(start, 1), min(end, count)) for _, start, end in calls if start <= end)
        if merged(ranges) == [(1, count)]:
            return [("remove_all",)]
    return calls


def _owned(call: Call, first: int, last: int) -> Call | None:
    """Give a call as far as it is about the lines of its window."""
    if call[0] == "remove_all":
        return ("remove_lines", first, last) if first <= last else None
    if call[0] == "remove_lines":
        start, end = call[1], call[2]
        return ("remove_lines", max(start, first), min(end, last)) if end >= first and first <= last else None
    return call if call[0] != "keep_all" and first <= call[1] <= last else None


def _one_place_each(calls: Sequence[Call], lines: Sequence[str]) -> list[Call]:
    """Leave out replacements of strings that do not stand once on their line, and make one of those on one line."""
    by_line: dict[int, list[Call]] = defaultdict(list)
    for call in calls:
        if call[0] == "replace_str":
            number = call[1]
            if not 1 <= number <= len(lines) or lines[number - 1].count(call[2]) == 1:
                by_line[number].append(call)
    replacements: list[Call] = []
    for number in sorted(by_line):
        several = by_line[number]
        if len(several) > 1 and 1 <= number <= len(lines):
            line = lines[number - 1]
            together = on_one_line(line, [(call[2], call[3]) for call in several])
            several = several if together is None else [("replace_str", number, line, together)]
        replacements += several
    return [*replacements, *(call for call in calls if call[0] != "replace_str")]


@dataclass(slots=True)
class _Keyed:
    """The lines by their numbers and the added ones by their keys, changed by one operation after the other."""

    lines: list[str]
    following: list[int] = field(default_factory=list)  # the first line from here on that is not removed
    added: dict[float, str] = field(default_factory=dict)

    def alive(self, number: int) -> bool:
        """Say whether there is a line of that number."""
        return 1 <= number <= len(self.lines) and self.following[number] == number

    def next_alive(self, number: int) -> int:
        """Give the first line from a number on that is not removed; behind the last where there is none."""
        end = number
        while self.following[end] != end:
            end = self.following[end]
        while self.following[number] != end:
            self.following[number], number = end, self.following[number]
        return end

    def remove(self, start: int, end: int) -> None:
        """Remove lines and added ones."""
        number = self.next_alive(max(1, min(start, len(self.lines) + 1)))
        while number <= min(end, len(self.lines)):
            self.following[number] = number + 1
            number = self.next_alive(number)
        for key in [key for key in self.added if start <= key <= end]:
            del self.added[key]

    def replace(self, number: int, source: str, target: str) -> None:
        """Replace the first place of a string."""
        if self.alive(number):
            self.lines[number - 1] = self.lines[number - 1].replace(source, target, 1)
        elif number in self.added:
            self.added[number] = self.added[number].replace(source, target, 1)

    def add(self, base: int, sub: int, text: str) -> None:
        """Add a line, or overwrite what has its key."""
        key = base + sub / 10000
        if key.is_integer() and self.alive(int(key)):
            self.lines[int(key) - 1] = text
        else:
            self.added[key] = text

    def pieces(self) -> list[tuple[int, str]]:
        """Give what is left in the order of the keys, each with the number of the line that it belongs to.

        Before an added line whatever precedes it gets the line feed that it lacks; so does the added line itself, but
        for the last.
        """
        numbers = [number for number in range(1, len(self.lines) + 1) if self.following[number] == number]
        keys: list[float] = sorted([*numbers, *self.added])
        texts: list[str] = []
        for place, key in enumerate(keys):
            if key not in self.added:
                texts.append(self.lines[int(key) - 1])
                continue
            if texts and not texts[-1].endswith("\n"):
                texts[-1] += "\n"
            text, is_last = self.added[key], place == len(keys) - 1
            texts.append(text if is_last or text.endswith("\n") else f"{text}\n")
        owners = [int(max(1, min(key, len(self.lines)))) for key in keys]
        return list(zip(owners, texts, strict=True))


def _executed(calls: Sequence[Call], lines: Sequence[str]) -> list[tuple[int, str]]:
    keyed = _Keyed(list(lines), list(range(len(lines) + 2)))
    for call in calls:
        if call[0] == "remove_lines":
            keyed.remove(call[1], call[2])
        elif call[0] == "replace_str":
            keyed.replace(call[1], call[2], call[3])
        elif call[0] == "add_line":
            keyed.add(call[1], call[2], call[3])
    return keyed.pieces()


def _changes(text: str, pieces: Sequence[tuple[int, str]]) -> tuple[Operation, ...]:
    """Say what becomes of each line of `text.split("\\n")`; a line of `splitlines` is one of these or a part of one."""
    starts, at = [], 0
    for line in text.split("\n"):
        starts.append(at)
        at += len(line) + 1
    places, at = [], 0
    for line in text.splitlines(keepends=True):
        places.append(bisect_left(starts, at + 1) - 1)
        at += len(line)
    new: dict[int, list[str]] = defaultdict(list)
    for number, piece in pieces:
        new[places[number - 1]].append(piece)
    old = [f"{line}\n" for line in text.split("\n")]
    old[-1] = old[-1][:-1]
    now = ["".join(new[place]) for place in range(len(old))]
    gone = [place for place, line in enumerate(old) if line and not now[place]]
    removals = [Operation("remove_lines", first, last) for first, last in runs(gone)]
    others = [
        Operation("replace_str", place, place, line, now[place])
        for place, line in enumerate(old)
        if now[place] and now[place] != line
    ]
    operations = sorted([*removals, *others], key=lambda operation: operation.line_start or 0)
    return tuple(operations) or (Operation("keep_chunk"),)
