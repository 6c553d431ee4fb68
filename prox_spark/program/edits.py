"""How strict mode executes the programs of refiners after ProX: each operation names its line, and no place is guessed.

A string must stand once on the line that its operation names, overlapping places counted; places are those of the line
as it was, so that nothing cascades. Removed lines go, replaced strings may take a line's end with them (it is then
joined to the next line that stays), added lines follow the line that they name. `columns_edits` says the same in Spark
SQL and must agree byte for byte.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import accumulate

from prox_spark.program.characters import names_pattern
from prox_spark.program.operations import AppliedOperation, ChunkProgram, Operation, Policy
from prox_spark.program.words import count_words

KEEPS = ("keep_doc", "keep_chunk")
EDITS = ("remove_lines", "replace_str", "add_line", "rewrite")
LOCAL = ("replace_str", "add_line")
"""What a program that writes the page anew must not hold besides."""

Span = tuple[int, int, str]
"""Characters of a line, the end not included, and what comes in their place."""

_NAMES = re.compile(names_pattern())


def known_words(text: str) -> set[str]:
    """Give the words that a target may hold: runs of letters and digits, whatever stands around them.

    >>> sorted(known_words("Well, (well) 2 \\u4e2d\\u6587"))
    ['2', 'Well', 'well', '中', '文']
    """
    return set(_NAMES.findall(text))


@dataclass(slots=True)
class Page:
    """The lines of a text, and what accepted operations do to them."""

    text: str
    lines: list[str] = field(default_factory=list)
    words: list[int] = field(default_factory=list)  # before each line, and in all
    ranges: list[tuple[int, int]] = field(default_factory=list)
    spans: dict[int, list[Span]] = field(default_factory=lambda: defaultdict(list))
    added: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    _known: set[str] | None = None

    @classmethod
    def of(cls, text: str) -> Page:
        """Cut a text into lines and count their words."""
        lines = text.split("\n")
        return cls(text, lines, [0, *accumulate(count_words(line) for line in lines)])

    def invents(self, target: str) -> bool:
        """Say whether a target holds a word that the text lacks."""
        if self._known is None:
            self._known = known_words(self.text)
        return not known_words(target) <= self._known

    def whole(self, line: int) -> str:
        """Give a line with its line feed."""
        return self.lines[line] + ("\n" if line < len(self.lines) - 1 else "")

    def result(self) -> str:
        """Give the text that is left."""
        edges = [0] * (len(self.lines) + 1)
        for first, last in self.ranges:
            edges[first] += 1
            edges[last + 1] -= 1
        parts = [f"{line}\n" for line in self.added[-1]]
        for number, (line, depth) in enumerate(zip(self.lines, accumulate(edges[:-1]), strict=True)):
            if not depth:
                edited, joined = _edited(line, self.spans.get(number, []))
                parts.append(edited if joined else f"{edited}\n")
            parts += [f"{added}\n" for added in self.added.get(number, [])]
        return "".join(parts).removesuffix("\n") if parts and parts[-1].endswith("\n") else "".join(parts)


def _edited(line: str, spans: Sequence[Span]) -> tuple[str, bool]:
    """Put targets in the place of spans; say whether the line's end went with one."""
    parts, at = [], 0
    for start, end, target in sorted(spans):
        if start >= at:  # two programs for the same lines may name the same place: the first has it
            parts += [line[at:start], target]
            at = end
    return "".join([*parts, line[at:]]), at > len(line)


def _place(spans: Sequence[Span], start: int, end: int) -> int | None:
    """Give where a span goes among others that are in order and apart; None where it overlaps one.

    >>> spans = [(0, 2, ""), (5, 7, "")]
    >>> _place(spans, 2, 5), _place(spans, 4, 6)
    (1, None)
    """
    place = bisect_left(spans, (end, 0, ""))
    return None if place and spans[place - 1][1] > start else place


def edit(page: Page, chunk: ChunkProgram, policy: Policy) -> list[AppliedOperation]:
    """Execute a chunk's program on its page, unless more of it is wrong than right; give what became of it."""
    judged = _Judged(page, chunk, policy)
    fates = [judged.fate(place, operation) for place, operation in enumerate(chunk.operations)]
    if is_over_budget(fates, chunk.problems, policy):
        return [fate.refused() for fate in fates]
    judged.carry_out()
    return fates


def is_over_budget(fates: Sequence[AppliedOperation], problems: int, policy: Policy) -> bool:
    """Say whether so much of a chunk's program is wrong that the rest of it is not trusted."""
    wrong = problems + sum(fate.status == "rejected" for fate in fates)
    return wrong > policy.max_rejected_share * (problems + len(fates))


def removal(
    chunk: ChunkProgram, operation: Operation, scope: tuple[int, int], words: Sequence[int]
) -> tuple[AppliedOperation, list[tuple[int, int]]]:
    """Judge a `remove_lines`; give its fate, and the range that it removes, if any.

    Args:
        chunk: The program that holds it.
        operation: The operation.
        scope: First and last line that the program may touch.
        words: The words before each line of the text, and in all.
    """
    start, end = operation.line_start, operation.line_end
    first, last = scope
    if start is None or end is None or start > end or not first <= start <= last:
        return chunk.fate(operation, rejected="outside_chunk"), []
    clipped = min(end, last)
    reason = "clipped" if clipped < end else None
    gone = words[clipped + 1] - words[start]
    return chunk.fate(operation, reason=reason, found=clipped - start + 1, words_removed=gone), [(start, clipped)]


class _Judged:
    """The operations of one chunk, judged one after the other; those accepted change the page at the end."""

    def __init__(self, page: Page, chunk: ChunkProgram, policy: Policy) -> None:
        self._page, self._chunk, self._policy = page, chunk, policy
        last = len(page.lines) - 1
        self._first = max(0, chunk.scope_start or 0)
        self._last = last if chunk.scope_end is None else min(last, chunk.scope_end)
        names = [operation.op for operation in chunk.operations]
        self._keeps = any(name in KEEPS for name in names)
        self._edits = any(name in EDITS for name in names)
        self._local = any(name in LOCAL for name in names)
        self._before: set[Operation] = set()
        self._ranges: list[tuple[int, int]] = []
        self._spans: dict[int, list[Span]] = defaultdict(list)  # of each line in order
        self._added: list[tuple[int, str]] = []
        self._rewritten = False

    def carry_out(self) -> None:
        """Change the page."""
        self._page.ranges += self._ranges
        for line, spans in self._spans.items():
            self._page.spans[line] += spans
        for line, target in self._added:
            self._page.added[line].append(target)

    def fate(self, place: int, operation: Operation) -> AppliedOperation:
        """Judge one operation; the first of several that are the same is the one that counts."""
        reason = self._refused(operation)
        if reason is None and operation.op in EDITS and operation in self._before:
            reason = "duplicate"
        self._before.add(operation)
        if reason is not None:
            return self._chunk.fate(operation, rejected=reason)
        if operation.op == "remove_lines":
            return self._remove(operation)
        if operation.op == "replace_str":
            return self._replace(operation)
        if operation.op == "add_line":
            return self._add(operation)
        return self._rewrite(operation) if operation.op == "rewrite" else self._chunk.fate(operation)

    def _refused(self, operation: Operation) -> str | None:
        """Give the reason why an operation is refused whatever it does."""
        if operation.op in KEEPS:
            return None
        if operation.op == "drop_doc":
            if (self._first, self._last) != (0, len(self._page.lines) - 1):
                return "wrong_level"
            return "contradiction" if self._keeps or self._edits else None
        if operation.op not in EDITS:
            return "wrong_level"
        return "contradiction" if self._keeps else None

    def _remove(self, operation: Operation) -> AppliedOperation:
        fate, ranges = removal(self._chunk, operation, (self._first, self._last), self._page.words)
        self._ranges += ranges
        return fate

    def _replace(self, operation: Operation) -> AppliedOperation:
        line, source, target = operation.line_start, operation.source or "", operation.target or ""
        if line is None or not self._first <= line <= self._last:
            return self._chunk.fate(operation, rejected="outside_chunk")
        reason = self._wrong_strings(source, target)
        if reason is not None:
            return self._chunk.fate(operation, rejected=reason)
        whole = self._page.whole(line)
        start = whole.find(source)
        if start < 0:
            return self._chunk.fate(operation, rejected="not_found")
        if whole.find(source, start + 1) >= 0:
            return self._chunk.fate(operation, rejected="not_unique")
        place = _place(self._spans[line], start, start + len(source))
        if place is None:
            return self._chunk.fate(operation, rejected="overlaps")
        self._spans[line].insert(place, (start, start + len(source), target))
        fewer = max(0, count_words(source) - count_words(target))
        return self._chunk.fate(operation, found=1, words_removed=fewer)

    def _wrong_strings(self, source: str, target: str) -> str | None:
        policy = self._policy
        if not source:
            return "blank_source"
        if "\n" in source[:-1] or "\n" in target:
            return "spans_lines"
        if len(target) > max(policy.max_target_chars, len(source)):
            return "too_long"
        if policy.insert == "reject" and not known_words(target) <= known_words(source):
            return "invents_text"
        return "invents_text" if policy.insert == "source_words" and self._page.invents(target) else None

    def _add(self, operation: Operation) -> AppliedOperation:
        line, target = operation.line_start, operation.target or ""
        reason = None
        if line is None or not (self._first <= line <= self._last or (line, self._first) == (-1, 0)):
            reason = "outside_chunk"
        elif self._policy.insert == "reject":
            reason = "not_allowed"
        elif "\n" in target:
            reason = "spans_lines"
        elif len(target) > self._policy.max_line_chars:
            reason = "too_long"
        elif self._policy.insert == "source_words" and self._page.invents(target):
            reason = "invents_text"
        elif len(self._added) >= self._policy.max_added_lines:
            reason = "too_many_lines"
        if reason is not None or line is None:
            return self._chunk.fate(operation, rejected=reason)
        self._added.append((line, target))
        return self._chunk.fate(operation, found=1)

    @cached_property
    def _own(self) -> str:
        return "\n".join(self._page.lines[self._first : self._last + 1])

    def _rewrite(self, operation: Operation) -> AppliedOperation:
        target, policy = operation.target or "", self._policy
        reason = None
        if policy.rewrite == "reject":
            reason = "not_allowed"
        elif self._first > self._last:
            reason = "outside_chunk"
        elif self._local:
            reason = "contradiction"
        elif len(target) > policy.max_growth * len(self._own):
            reason = "grows"
        elif policy.rewrite == "source_words" and self._page.invents(target):
            reason = "invents_text"
        elif self._rewritten:
            reason = "contradiction"
        if reason is not None:
            return self._chunk.fate(operation, rejected=reason)
        self._rewritten = True
        self._ranges.append((self._first, self._last))
        self._added.append((self._first - 1, target))
        fewer = max(0, count_words(self._own) - count_words(target))
        return self._chunk.fate(operation, found=self._last - self._first + 1, words_removed=fewer)
