r"""The language as a grammar for constrained decoding: what a model may write about one document or one chunk.

It is narrower than what `parse` reads: line numbers lie in the chunk and in order, and what `normalize` looks for is a
run of whole words out of one of its lines, to be deleted. A comment may name a line that stays (`# 7`), so that a model
can say a verdict on each line in turn. It is written in the Lark dialect of llguidance, which vLLM and the transformers
engine both follow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence

from prox_spark.program.characters import RESERVED, regex_class

VERSION = 2
"""Part of the fingerprint of every constrained pass: raise it with every change of what may be written."""

VERDICTS = 'start: "keep_doc()" | "drop_doc()"\n'
"""What may be said about a document."""

_PIECES = re.compile(r"\w+|.", re.DOTALL)
_UNUSABLE = re.compile(f"[{regex_class(RESERVED)}\ud800-\udfff\x00-\x08\x0b-\x1f\x7f]")
_ESCAPED = {'"': '\\"', "\\": "\\\\", "\t": "\\t"}
_BREAK = "\n"

_MOST_OPERATIONS = 64
"""Of a chunk with fewer lines; one with more may get a verdict on each."""
_MOST_CHARACTERS = 20_000
"""Of a chunk's lines this much may be quoted; what stands further back can be removed by its line only."""


def chunk_grammar(lines: Sequence[str], first: int) -> str:
    r"""Write the grammar of the programs for one chunk.

    Args:
        lines: The chunk's lines as the document has them.
        first: Number of the first, 0-based over the whole document.

    >>> print(chunk_grammar(["Home", "x"], 7))
    start: "keep_chunk()" | operation ("\n" operation){0,63} "\n"?
    operation: REMOVE | KEPT | "normalize(source_str=\"" SOURCE "\", target_str=\"\")"
    REMOVE: /remove_lines\((start=(7, end=(7|8)|8, end=8)|line_start=(7, line_end=(7|8)|8, line_end=8))\)/
    KEPT: /# (7|8)/
    SOURCE: QUOTED & /[^\s\\\n"][^\s\\\n"][^\n]*/
    QUOTED: %regex { "substring_chunks": ["Home", "\n"] }
    <BLANKLINE>
    """
    most = max(_MOST_OPERATIONS, len(lines))
    rules = [
        f'start: "keep_chunk()" | operation ("\\n" operation){{0,{most - 1}}} "\\n"?',
        "operation: REMOVE | KEPT",
        f"REMOVE: /remove_lines\\(({_ranges(first, len(lines), '')}|{_ranges(first, len(lines), 'line_')})\\)/",
        f"KEPT: /# {_between(first, first + len(lines) - 1)}/",
    ]
    pieces = _quotable(lines)
    if pieces:
        rules[1] += ' | "normalize(source_str=\\"" SOURCE "\\", target_str=\\"\\")"'
        rules.append('SOURCE: QUOTED & /[^\\s\\\\\\n"][^\\s\\\\\\n"][^\\n]*/')
        rules.append(f'QUOTED: %regex {{ "substring_chunks": {json.dumps(pieces, ensure_ascii=False)} }}')
    return "\n".join(rules) + "\n"


def _ranges(first: int, count: int, prefix: str) -> str:
    """Write all pairs of a start and an end that is not before it; its size grows with the number of lines only."""
    last = first + count - 1
    pairs = (f"{start}, {prefix}end={_between(start, last)}" for start in range(first, last + 1))
    return f"{prefix}start=({'|'.join(pairs)})"


def _between(low: int, high: int) -> str:
    """Write a regular expression for the numbers from `low` to `high`.

    >>> _between(8, 8), _between(7, 123)
    ('8', '([7-9]|[1-9][0-9]|1[0-1][0-9]|12[0-3])')
    """
    parts = list(_spans(low, high))
    return parts[0] if len(parts) == 1 and low == high else f"({'|'.join(parts)})"


def _spans(low: int, high: int) -> Iterable[str]:
    if high - low < 3:
        yield from (str(number) for number in range(low, high + 1))
        return
    while low <= high:
        size = 1
        while low % (size * 10) == 0 and low + size * 10 - 1 <= high and low > 0:
            size *= 10
        digits = len(str(size)) - 1
        head, unit = divmod(low // size, 10)
        top = min(9, unit + (high - low + 1) // size - 1)
        shown = str(head) if head else ""
        yield shown + (str(unit) if unit == top else f"[{unit}-{top}]") + "[0-9]" * digits
        low += (top - unit + 1) * size


def _quotable(lines: Sequence[str]) -> list[str]:
    """Cut lines into words and single other characters, escaped as in a string, with a break after each line."""
    pieces: list[str] = []
    left = _MOST_CHARACTERS
    for line in lines:
        shown = line.removesuffix("\r")
        left -= len(shown)
        if left < 0:
            break
        if len(shown.strip()) < 2 or _UNUSABLE.search(shown):
            continue
        pieces += [_ESCAPED.get(piece, piece) for piece in _PIECES.findall(shown)]
        pieces.append(_BREAK)
    return pieces
