r"""The language as a grammar for constrained decoding: what a model may write about one document or one chunk.

It is narrower than what `parse` reads, so that nothing in a program is rejected: line numbers lie in the chunk and in
order, and what `normalize` looks for is a run of whole words out of one of its lines, to be deleted. A second deletion
could look for what the first has taken, so a program deletes either one string, which may stand in many lines, or at
most one out of each line, in the order of the lines, of those that stand in one place of the chunk. A comment may name
a line that stays (`# 7`), so that a model can say a verdict on each line in turn. It is written in the Lark dialect of
llguidance, which vLLM and the transformers engine both follow.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence

from prox_spark.program.characters import RESERVED, WORD, regex_class
from prox_spark.program.operations import Policy

VERSION = 3
"""Part of the fingerprint of every constrained pass: raise it with every change of what may be written."""

VERDICTS = 'start: "keep_doc()" | "drop_doc()"\n'
"""What may be said about a document."""

_PIECES = re.compile(f"[{regex_class(WORD)}]+|.", re.DOTALL)
_RESERVED = re.compile(f"[{regex_class(RESERVED)}]")
_UNUSABLE = re.compile("[\ud800-\udfff\x00-\x08\x0b-\x1f\x7f]")
_BEGINNING = re.compile(r"[^\s\\\n\"]([^\s\\\n\"]|$)")
_ESCAPED = {'"': '\\"', "\\": "\\\\", "\t": "\\t"}

_MOST_OPERATIONS = 64
"""Of a chunk with fewer lines; one with more may get a verdict on each."""
_LONGEST_BEGINNING = 12
"""Pieces within which a run must differ from all others, to be deleted beside others."""

_MOST_CHARACTERS = 20_000
"""Of a chunk's lines this much may be quoted; what stands further back can be removed by its line only."""


def chunk_grammar(lines: Sequence[str], first: int) -> str:
    r"""Write the grammar of the programs for one chunk.

    Args:
        lines: The chunk's lines as the document has them.
        first: Number of the first, 0-based over the whole document.

    >>> print(chunk_grammar(["Home", "x"], 7))
    start: "keep_chunk()" | (removal "\n"){0,64} last "\n"?
    removal: REMOVE | KEPT
    REMOVE: /remove_lines\((start=(7, end=(7|8)|8, end=8)|line_start=(7, line_end=(7|8)|8, line_end=8))\)/
    KEPT: /# (7|8)/
    more: ("\n" removal){0,64}
    last: removal | "normalize(source_str=\"" ANYWHERE "\", target_str=\"\")" more | first0
    ANYWHERE: /[^\s\\\n"][^\s\\\n"][^\n]*/ & %regex { "substring_chunks": ["Home", "\n"] }
    first0: delete0 more then1
    then0: | "\n" delete0 more then1 | then1
    delete0: "normalize(source_str=\"" IN0 "\", target_str=\"\")"
    IN0: /(Home)[^\n]*/ & %regex { "substring_chunks": ["Home"] }
    then1:
    <BLANKLINE>
    """
    most = max(_MOST_OPERATIONS, len(lines))
    quotable = _quotable(lines)
    rules = [
        f'start: "keep_chunk()" | (removal "\\n"){{0,{most}}} last "\\n"?',
        "removal: REMOVE | KEPT",
        f"REMOVE: /remove_lines\\(({_ranges(first, len(lines), '')}|{_ranges(first, len(lines), 'line_')})\\)/",
        f"KEPT: /# {between(first, first + len(lines) - 1)}/",
        f'more: ("\\n" removal){{0,{most}}}',
    ]
    if not quotable:
        return "\n".join([*rules, "last: removal"]) + "\n"
    text = "\n".join(lines)
    only = [(pieces, unique) for pieces in quotable if (unique := _unique(pieces, text))]
    rules.append(f"last: removal | {_deletion('ANYWHERE')} more{' | first0' if only else ''}")
    rules.append(_anywhere(quotable, text))
    for at, (pieces, unique) in enumerate(only):
        rules.append(f"first{at}: delete{at} more then{at + 1}{f' | first{at + 1}' if at + 1 < len(only) else ''}")
        rules.append(f'then{at}: | "\\n" delete{at} more then{at + 1} | then{at + 1}')
        rules.append(f"delete{at}: {_deletion(f'IN{at}')}")
        rules.append(
            f"IN{at}: /({'|'.join(map(_shown_literal, unique))})[^\\n]*/ & {runs_of([_shown(p) for p in pieces])}"
        )
    return "\n".join([*rules, f"then{len(only)}:"]) + "\n"


def _deletion(source: str) -> str:
    return f'"normalize(source_str=\\"" {source} "\\", target_str=\\"\\")"'


def _anywhere(quotable: Sequence[Sequence[str]], text: str) -> str:
    """Write the terminal of what one deletion may look for: any run that does not stand in too many places."""
    pieces = [piece for line in quotable for piece in (*map(_shown, line), "\n")]
    frequent = _frequent(quotable, text)
    refused = f" & ~/{'|'.join(map(_shown_literal, frequent))}/" if frequent else ""
    return f'ANYWHERE: /[^\\s\\\\\\n"][^\\s\\\\\\n"][^\\n]*/ & {runs_of(pieces)}{refused}'


def runs_of(pieces: Sequence[str]) -> str:
    """Write the regular expression of the runs of some pieces."""
    return f'%regex {{ "substring_chunks": {json.dumps(list(pieces), ensure_ascii=False)} }}'


def _shown_literal(run: str) -> str:
    return literal(_shown(run))


def literal(run: str) -> str:
    """Write a string as a regular expression between slashes."""
    return re.sub(r"([\\.+*?()|\[\]{}^$/])", r"\\\1", run)


def _shown(piece: str) -> str:
    return "".join(_ESCAPED.get(character, character) for character in piece)


def _unique(pieces: Sequence[str], text: str) -> list[str]:
    """Give, for each piece that a run may begin with, the shortest run that stands in one place of the text.

    Whatever continues such a run stands in one place too.
    """
    shortest = []
    for start in range(len(pieces)):
        for run in _growing(pieces[start : start + _LONGEST_BEGINNING]):
            if len(run) > 1 and text.find(run) == text.rfind(run):
                shortest.append(run)
                break
    return shortest


def _frequent(quotable: Sequence[Sequence[str]], text: str) -> list[str]:
    """Give the runs that stand in more places than one operation may change."""
    most = Policy().max_matches
    places: dict[str, int] = {}
    for pieces in quotable:
        for start in range(len(pieces)):
            for run in _growing(pieces[start:]):
                if run not in places:
                    places[run] = text.count(run)
                if places[run] <= most:
                    break
    return sorted(run for run, count in places.items() if count > most)


def _growing(pieces: Sequence[str]) -> Iterator[str]:
    """Give the runs that begin with the first piece, as long as a deletion may begin so."""
    run = ""
    for piece in pieces:
        run += piece
        if not _BEGINNING.match(run):
            return
        yield run


def _ranges(first: int, count: int, prefix: str) -> str:
    """Write all pairs of a start and an end that is not before it; its size grows with the number of lines only."""
    return f"{prefix}start=({pairs(first, first + count - 1, f', {prefix}end=')})"


def pairs(low: int, high: int, amid: str) -> str:
    """Write the pairs of two numbers that are in order, what stands amid them included.

    >>> pairs(7, 8, "-")
    '7-(7|8)|8-8'
    """
    return "|".join(f"{start}{amid}{between(start, high)}" for start in range(low, high + 1))


def between(low: int, high: int) -> str:
    """Write a regular expression for the numbers from `low` to `high`.

    >>> between(8, 8), between(7, 123)
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


def _quotable(lines: Sequence[str]) -> list[list[str]]:
    """Cut lines into words and single other characters; no line of a chunk with reserved characters can be quoted."""
    if any(_RESERVED.search(line) for line in lines):
        return []
    quotable = []
    left = _MOST_CHARACTERS
    for line in lines:
        shown = line.removesuffix("\r")
        left -= len(shown)
        if left < 0:
            break
        if len(shown.strip()) >= 2 and not _UNUSABLE.search(shown):
            quotable.append(pieces_of(shown))
    return quotable


def pieces_of(line: str) -> list[str]:
    """Cut a line into words and single other characters.

    >>> pieces_of("It's a")
    ['It', "'", 's', ' ', 'a']
    """
    return _PIECES.findall(line)
