"""UltraX's own parser, quirks included: what it reads of an answer, and how it writes that again."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

Call = tuple[Any, ...]
"""The name of an operation and its values, as they are parsed: numbers of any size, strings."""

_REMOVAL = re.compile(r"remove_lines\((\d+),\s*(\d+)\)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\"}
_INTEGERS = {"replace_str": 1, "add_line": 2}


def parse(answer: str) -> list[Call]:
    """Read an answer line by line; whatever does not parse is left out."""
    calls = []
    for raw in answer.strip().split("\n"):
        line = raw.strip()
        if line and not line.startswith(("#", "---")):
            call = _parse_line(line)
            if call is not None:
                calls.append(call)
    return calls


def write(call: Call) -> str:
    """Write a call as it is read again."""
    return f"{call[0]}({', '.join(map(repr, call[1:]))})"


def _parse_line(line: str) -> Call | None:
    if line in ("keep_all()", "remove_all()"):
        return (line[:-2],)
    try:
        if match := _REMOVAL.match(line):
            return "remove_lines", int(match[1]), int(match[2])
        for name, integers in _INTEGERS.items():
            if line.startswith(f"{name}("):
                return _with_strings(name, integers, line[len(name) + 1 : -1])  # the last character, whatever it is
    except ValueError:  # no integer, or one with more digits than Python reads
        return None
    return None


def _with_strings(name: str, integers: int, rest: str) -> Call | None:
    numbers = []
    for _ in range(integers):
        before, comma, rest = rest.partition(",")
        if not comma:
            return None
        numbers.append(int(before.strip()))
    first = _string(rest, 0, " ")
    if first is None:
        return None
    if name == "add_line":
        return name, *numbers, first[0]
    second = _string(rest, first[1], ", ")
    return None if second is None else (name, *numbers, first[0], second[0])


def _string(text: str, at: int, skipped: Sequence[str]) -> tuple[str, int] | None:
    """Read a string behind blanks and, where they may stand there, commas; give it and where it ends."""
    while at < len(text) and (text[at].isspace() or text[at] in skipped):
        at += 1
    if at >= len(text) or text[at] not in "'\"":
        return None
    quote, parts, at = text[at], list[str](), at + 1
    while at < len(text):
        character, following = text[at], text[at + 1 : at + 2]
        if character == "\\" and (following in _ESCAPES or following == quote) and following:
            parts.append(_ESCAPES.get(following, following))
            at += 2
        elif character == quote:
            return "".join(parts), at + 1
        else:
            parts.append(character)
            at += 1
    return None
