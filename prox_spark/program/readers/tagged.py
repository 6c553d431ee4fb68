r"""The reader of `rescraper`, strict: a decision, what to extract, the decision again, and what it asks for.

    <keep> | <edit> | <delete> | <rewrite>
    <extract>
    rm 3                       or rm 3-7, or sub, one a line
    <edit>                     the decision again
    rm 9                       of <edit>: rm A | rm A-B | sub N: "string to delete"; of <rewrite>: the new text

Without the first line the second decision is the one. Where both are there and differ, the milder is. A line that is no
operation is a problem and nothing else: it never becomes text, and neither does a rewrite that was cut.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from prox_spark.program.operations import Operation
from prox_spark.program.published import unified
from prox_spark.program.ranges import line_number
from prox_spark.program.readers import rescraper
from prox_spark.program.readers.answer import BLANK, Answer, Collected, Item
from prox_spark.program.readers.strings import whole_text
from prox_spark.program.stored import Readings
from prox_spark.program.thoughts import without_thoughts

MILDER = ("<keep>", "<edit>", "<rewrite>", "<delete>")
"""The decisions, the mildest first."""

_REMOVAL = re.compile(r"rm ([0-9]+)(?:-([0-9]+))?")
_DELETION = re.compile(r"sub ([0-9]+): (.*)")


@dataclass(frozen=True, slots=True)
class _Said:
    """An answer in its parts, lines with their numbers: what to extract, and what stands behind the last tag."""

    first: str | None
    second: str | None
    extract: list[tuple[int, str]]
    payload: list[tuple[int, str]]
    unread: list[tuple[int, str]]

    @property
    def decision(self) -> str:
        """The milder of the decisions that there are."""
        return min((tag for tag in (self.first, self.second) if tag), key=MILDER.index, default="<keep>")


def read(text: str, answers: Sequence[Answer]) -> list[Readings]:
    """Read each answer on its own."""
    count = text.count("\n") + 1
    return [
        replace(_read(answer, count), reference_operations=rescraper.read(text, answer.completion))
        for answer in answers
    ]


def _read(answer: Answer, count: int) -> Readings:
    collected = Collected()
    lines = without_thoughts(unified(answer.completion or ""))[0].split("\n")
    cut = len(lines) - 1 if answer.finish_reason == "length" else None
    said = _parts(lines)
    for number, line in said.unread:
        collected.add("truncated" if number == cut else "not_an_operation", number, line)
    if said.first and said.second and said.first != said.second:
        collected.add("contradiction", 0, f"{said.first} {said.second}")
    if said.decision == "<delete>":
        collected.add(answer.verdict(drops=True, text_lines=count), 0, "<delete>")
        return collected.readings()
    payload = said.payload if said.decision == "<edit>" else []
    for number, line in (*said.extract, *payload):
        collected.add("truncated" if number == cut else _operation(answer, line), number, line)
    if said.decision == "<rewrite>":
        collected.add(_rewrite(said, lines, cut=cut is not None), len(lines) - 1, "<rewrite>")
    if said.decision == "<edit>" and not said.payload:
        collected.add("truncated", len(lines) - 1, "<edit>")
    if said.decision == "<keep>" and not collected.operations and (said.first or said.second or said.extract):
        collected.add(answer.verdict(drops=False, text_lines=count), 0, "<keep>")
    return collected.readings()


def _parts(lines: Sequence[str]) -> _Said:
    """Cut an answer into its parts; lines that belong to none of them are unread."""
    numbered = [(number, line) for number, line in enumerate(lines) if line.strip(BLANK)]
    at = 0

    def tag() -> str | None:
        nonlocal at
        if at < len(numbered) and numbered[at][1].strip(BLANK) in MILDER:
            at += 1
            return numbered[at - 1][1].strip(BLANK)
        return None

    first, extract = tag(), []
    if at < len(numbered) and numbered[at][1].strip(BLANK) == "<extract>":
        at += 1
        while at < len(numbered) and _is_operation(numbered[at][1].strip(BLANK)):
            extract.append(numbered[at])
            at += 1
    second, behind = tag(), at
    if first is None and second is None and not extract:
        return _Said(None, None, [], [], numbered)
    if second is None and first != "<edit>":
        return _Said(first, second, extract, [], numbered[behind:])
    return _Said(first, second, extract, numbered[behind:], [])


def _is_operation(line: str) -> bool:
    return _REMOVAL.fullmatch(line) is not None or _DELETION.fullmatch(line) is not None


def _rewrite(said: _Said, lines: Sequence[str], *, cut: bool) -> Item:
    """Give the text behind the last tag, blank lines inside of it included."""
    start = said.payload[0][0] if said.payload else len(lines)
    target = whole_text("\n".join(lines[start:]).rstrip("\n"))
    if cut or not target:
        return "truncated"
    return Operation("rewrite", target=target)


def _operation(answer: Answer, line: str) -> Item:
    line = line.strip(BLANK)
    if match := _REMOVAL.fullmatch(line):
        start = line_number(match[1])
        return answer.removal(start, start if match[2] is None else line_number(match[2]))
    if match := _DELETION.fullmatch(line):
        source = _string(match[2].strip(BLANK))
        if source is None:
            return "bad_arguments"
        return answer.on_line(line_number(match[1]), lambda line: Operation("replace_str", line, line, source, ""))
    return "not_an_operation"


def _string(value: str) -> str | None:
    """Read a JSON string, or what stands between quotes where it is not quite one; None for all else."""
    if len(value) < 2 or not (value.startswith('"') and value.endswith('"')):
        return None
    try:
        return whole_text(json.loads(value))
    except ValueError:
        return whole_text(value[1:-1])
