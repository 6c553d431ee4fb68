r"""What ReScraper's own executor makes of an answer, as operations for `program.published`.

The lines are those that are not blank, without the whitespace around them. An `<edit>` whose payload holds one line
that is no operation is taken for the text of the page; a deletion takes the first place wherever it stands.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import accumulate

from prox_spark.program.operations import Operation
from prox_spark.program.ranges import runs
from prox_spark.program.readers.strings import whole_text

_TAGS = ("<keep>", "<edit>", "<delete>", "<rewrite>")
_REMOVAL = re.compile(r"rm (\d+)(-\d+)?")
_DELETION = re.compile(r"sub (\d+): (.*)")
LOST = (Operation("drop_doc"),)


def read(text: str, answer: str | None) -> tuple[Operation, ...]:
    """Give what the executor makes of an answer: no document, another text, or the lines that go or are others."""
    if answer is None:
        return (Operation("keep_doc"),)
    tag, operations, payload = _parts(answer.strip().split("\n"))
    if tag == "<delete>":
        return LOST
    if tag == "<edit>":
        lines = [line.strip() for line in payload.split("\n") if line.strip()]
        if lines and all(map(_is_operation, lines)):
            return _changes(text, [*operations, *lines])
    if tag == "<keep>":
        return _changes(text, operations)
    rewritten = whole_text(payload)
    return (Operation("rewrite", target=rewritten),) if rewritten else LOST


def _parts(lines: Sequence[str]) -> tuple[str, list[str], str]:
    """Give the tag, the operations of the extract block and what stands behind; an unknown first line is a tag too."""
    at = 0

    def next_line() -> str:
        nonlocal at
        while at < len(lines) and not lines[at].strip():
            at += 1
        return lines[at].strip() if at < len(lines) else ""

    first, operations = next_line(), list[str]()
    at += 1 if first in _TAGS else 0
    has_block = next_line() == "<extract>"
    if has_block:
        at += 1
        while _is_operation(line := next_line()):
            operations.append(line)
            at += 1
    elif first not in _TAGS:
        return first, [], "\n".join(lines[1:]).strip()
    second = next_line()
    at += 1 if second in _TAGS else 0
    tag = first if first in _TAGS else second if second in _TAGS else "<keep>"
    return tag, operations, "\n".join(lines[at:]).strip()


def _is_operation(line: str) -> bool:
    return _REMOVAL.fullmatch(line) is not None or _DELETION.fullmatch(line) is not None


def _changes(text: str, operations: Iterable[str]) -> tuple[Operation, ...]:
    """Say what becomes of the lines; an exception of the published executor loses the page."""
    old = text.split("\n")
    places = [place for place, line in enumerate(old) if line.strip()]
    try:
        removed, deleted = _read(operations, len(places))
    except ValueError:  # an integer with more digits than Python reads
        return LOST
    now = {}
    for number, sources in deleted.items():
        if not 1 <= number <= len(places) or removed[number]:
            continue
        line = old[places[number - 1]].strip()
        for source in sources:
            if not isinstance(source, str):
                return LOST
            line = line.replace(source, "", 1)
        now[places[number - 1]] = line
    gone = [place for number, place in enumerate(places, 1) if removed[number]]
    changes = [Operation("remove_lines", first, last) for first, last in runs(gone)]
    for place, line in now.items():
        end = "\n" if place < len(old) - 1 else ""
        if line != old[place].strip():
            changes.append(Operation("replace_str", place, place, old[place] + end, line + end))
    changes.sort(key=lambda change: change.line_start or 0)
    return tuple(changes) or (Operation("keep_chunk"),)


def _read(operations: Iterable[str], count: int) -> tuple[list[int], dict[int, list[object]]]:
    """Give for each number whether its line goes, and the strings that are deleted from the lines."""
    edges = [0] * (count + 2)
    deleted: dict[int, list[object]] = defaultdict(list)
    for line in operations:
        if removal := _REMOVAL.fullmatch(line):
            start = int(removal[1])
            end = int(removal[2][1:]) if removal[2] else start
            if start <= min(end, count):
                edges[start] += 1
                edges[min(end, count) + 1] -= 1
        elif deletion := _DELETION.fullmatch(line):
            deleted[int(deletion[1])].append(_value(deletion[2]))
    return list(accumulate(edges)), deleted


def _value(written: str) -> object:
    try:
        return json.loads(written)
    except RecursionError:
        return None
    except ValueError:
        return written.strip('"')
