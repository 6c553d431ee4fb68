"""A chunk as it was shown, with its answer: which line a number means, and whether the chunk's program may touch it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from prox_spark.program.characters import WHITESPACE, characters
from prox_spark.program.operations import MAX_LINE, Operation, Problem, Scope
from prox_spark.program.published import unified
from prox_spark.program.stored import Readings
from prox_spark.program.thoughts import without_thoughts

BLANK = characters(WHITESPACE)

Item = Operation | str
"""An operation, or the reason why there is none."""


class Shown(Scope, Protocol):
    """The lines of a document that a prompt shows; a `chunks.Chunk` is one."""

    @property
    def own_start(self) -> int | None:
        """The first line that its program may touch; None where that is `line_start`."""

    @property
    def own_end(self) -> int | None:
        """The last line that its program may touch; None where that is `line_end`."""

    @property
    def number_base(self) -> int:
        """The number of the document's first line, or of the first of `lines`."""

    @property
    def lines(self) -> Sequence[int] | None:
        """The document's lines that are shown, where not all are."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A text that is shown as one chunk."""

    line_end: int
    number_base: int = 0
    lines: tuple[int, ...] | None = None
    index: int = 0
    line_start: int = 0
    own_start: int | None = None
    own_end: int | None = None

    @classmethod
    def of(cls, text: str, *, number_base: int = 1, nonblank: bool = False) -> Whole:
        r"""Show a text by its lines, or by those that are not blank.

        >>> Whole.of("a\n\nb", nonblank=True).lines
        (0, 2)
        """
        lines = text.split("\n")
        shown = tuple(place for place, line in enumerate(lines) if line.strip()) if nonblank else None
        return cls(len(lines) - 1, number_base, shown)


@dataclass(frozen=True, slots=True)
class Answer:
    """A chunk and what a model wrote for it; no completion where it was not asked."""

    chunk: Shown
    completion: str | None
    finish_reason: str | None = None

    @property
    def own(self) -> tuple[int, int]:
        """The lines that the program may touch, both ends inclusive."""
        return own_lines(self.chunk)

    @property
    def numbers(self) -> tuple[int, int]:
        """The numbers that the chunk shows, both ends inclusive."""
        chunk = self.chunk
        if chunk.lines is not None:
            return chunk.number_base, chunk.number_base + len(chunk.lines) - 1
        return chunk.line_start + chunk.number_base, chunk.line_end + chunk.number_base

    def place(self, number: int) -> int:
        """Give the line that a number means; one that is not shown means a line outside of the chunk."""
        low, high = self.numbers
        if number < low:
            line = self.chunk.line_start - (low - number)
        elif number > high:
            line = self.chunk.line_end + (number - high)
        elif self.chunk.lines is not None:
            line = self.chunk.lines[number - low]
        else:
            line = number - self.chunk.number_base
        return max(-MAX_LINE, min(line, MAX_LINE))

    def removal(self, start: int, end: int) -> Item:
        """Remove the lines of two numbers and those between them, as far as they are the chunk's own."""
        if start > end:
            return "reversed_range"
        low, high = self.numbers
        first, last = self.place(start), self.place(end)
        if low <= start <= high:
            own_first, own_last = self.own
            if last < own_first or own_first > own_last:
                return "other_window"
            first = max(first, own_first)
        return Operation("remove_lines", first, last)

    def on_line(self, number: int, operation: Callable[[int], Operation]) -> Item:
        """Give the operation on the line of a number, unless another window owns it."""
        low, high = self.numbers
        line = self.place(number)
        if low <= number <= high and not self.own[0] <= line <= self.own[1]:
            return "other_window"
        return operation(line)

    def verdict(self, *, drops: bool, text_lines: int) -> Operation:
        """Keep everything, or drop it: a window's own lines where it does not show the whole text."""
        first, last = self.own
        if not drops:
            return Operation("keep_chunk")
        return Operation("drop_doc") if (first, last) == (0, text_lines - 1) else Operation("remove_lines", first, last)


def own_lines(chunk: Shown) -> tuple[int, int]:
    """Give the lines that the chunk's program may touch, both ends inclusive: what is stored as its lines."""
    first = chunk.line_start if chunk.own_start is None else chunk.own_start
    return first, chunk.line_end if chunk.own_end is None else chunk.own_end


@dataclass(slots=True)
class Collected:
    """The operations and problems of one answer, while it is read."""

    operations: list[Operation] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    _verdicts: set[Operation] = field(default_factory=set)

    def add(self, item: Item, line: int, text: str) -> None:
        """Take in what a line says; a verdict that was said before is one."""
        if isinstance(item, str):
            self.problems.append(Problem(line, item, text[:200]))
        elif item not in self._verdicts:
            self.operations.append(item)
            if item.op in ("keep_chunk", "keep_doc", "drop_doc"):
                self._verdicts.add(item)

    def readings(self) -> Readings:
        """Give them as what strict mode reads; the published executor, where there is none, is taken to do the same."""
        return Readings(tuple(self.operations), tuple(self.problems), tuple(self.operations), 0)


def answer_lines(answer: Answer) -> Iterator[tuple[int, str, bool]]:
    """Give number, text and whether it is cut of each line of an answer that is not blank, thoughts left out."""
    lines = without_thoughts(unified(answer.completion or ""))[0].split("\n")
    for number, line in enumerate(lines):
        stripped = line.strip(BLANK)
        if stripped:
            yield number, stripped, answer.finish_reason == "length" and number == len(lines) - 1
