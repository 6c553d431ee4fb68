r"""The grammars of refiners after ProX for constrained decoding, in the Lark dialect of llguidance as ProX's is.

They are narrower than what the readers take, so that nothing of an answer is a problem: numbers are those of the
chunk's own lines, ranges are in order, a decision is said twice alike. A string to replace or delete is a run of whole
words that stands once on its line, quoted as the models were taught to (Python's `repr`, JSON in ReScraper's `sub`),
and may end with the line. What it becomes, an added line and a page written anew are free text within the policy's
bounds: whether that may bring in words is for `policy.insert` and `policy.rewrite` to say, when programs are executed.
Neither is a model kept from saying a thing twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from prox_spark.program.grammar import between, literal, pairs, pieces_of, runs_of
from prox_spark.program.operations import Policy
from prox_spark.program.readers.answer import Shown, own_lines
from prox_spark.program.thoughts import TAG

VERSION = 1
"""Part of the fingerprint of every constrained pass of these: raise it with every change of what may be written."""

_MOST_CALLS = 64
"""Of an answer about fewer lines; one about more may say something of each."""
_LONGEST_BEGINNING = 12
"""Pieces within which a run must differ from all others on its line."""
_MOST_CHARACTERS = 20_000
"""Of the lines this much may be quoted; what stands further back can be removed by its line only."""
_MOST_QUOTED = 500
"""Lines that may be quoted: llguidance follows at most 2,000 ways at a time, and each of them is one or more."""

_ONE, _TWO = "'", '"'
_QUOTES = {_ONE: f'"{_ONE}"', _TWO: r'"\""'}
_ENDING, _CLOSING = r"\\n", r"\)"
_THOUGHT = rf"~/(?s:.*)(?i:{TAG.replace('/', chr(92) + '/')})(?s:.*)/"
_TARGET, _LINE = Policy().max_target_chars, Policy().max_line_chars


def answers(grammar: str, lines: Sequence[str], chunk: Shown) -> str:
    r"""Write the grammar of the answers about a chunk.

    Args:
        grammar: What they are written in, one of `GRAMMARS`.
        lines: The lines of the text as they are, not as they were shown.
        chunk: Those that are shown, and owned.

    >>> from prox_spark.program.readers import Whole
    >>> print(answers("np", ["Home", "A story."], Whole.of("Home\nA story.", number_base=0)))
    start: VERDICT | REMOVE ("\n" REMOVE){0,64} "\n"?
    VERDICT: "keep_all()" | "keep_doc()" | "keep_chunk()" | "untouch_doc()" | "drop_doc()"
    REMOVE: POSITIONS | NAMED
    POSITIONS: /remove_lines\((0, (0|1)|1, 1)\)/
    NAMED: /remove_lines\(start=(0, end=(0|1)|1, end=1)\)/
    <BLANKLINE>
    """
    write, keeps = _GRAMMARS[grammar]
    own = _Lines(lines, chunk)
    return write(own) if own.numbers else f'start: "{keeps}"\n'


class _Lines:
    """The lines that a chunk's program may touch, by their numbers."""

    def __init__(self, lines: Sequence[str], chunk: Shown) -> None:
        first, last = own_lines(chunk)
        shown = range(chunk.line_start, chunk.line_end + 1) if chunk.lines is None else chunk.lines
        base = chunk.number_base + (chunk.line_start if chunk.lines is None else 0)
        numbered = [(number, line) for number, line in enumerate(shown, base) if first <= line <= last]
        self.numbers = [number for number, _ in numbered]
        self.texts = [lines[line] + ("\n" if line < len(lines) - 1 else "") for _, line in numbered]
        self.has_first = first == 0
        self.most = max(_MOST_CALLS, len(numbered))

    def ranges(self, before: str, amid: str, behind: str) -> str:
        """Write a regular expression for the ranges of the lines."""
        return f"/{before}({pairs(self.numbers[0], self.numbers[-1], amid)}){behind}/"

    def after(self) -> str:
        """Write a regular expression for what a line may be added after: each of the lines, and 0 before the first."""
        return between(self.numbers[0] - (1 if self.has_first else 0), self.numbers[-1])

    def quoted(self) -> list[_Quoted]:
        """Give the lines that strings may be quoted from."""
        quoted: list[_Quoted] = []
        left = _MOST_CHARACTERS
        for number, text in zip(self.numbers, self.texts, strict=True):
            left -= len(text)
            if left < 0 or len(quoted) == _MOST_QUOTED:
                break
            line = _Quoted(number, text)
            if line.beginnings and text.strip() and not re.search(TAG, text, re.IGNORECASE):
                quoted.append(line)
        return quoted


def _np(own: _Lines) -> str:
    """Ranges to remove, in the two spellings of our own language."""
    return _rules(
        f'start: VERDICT | REMOVE ("\\n" REMOVE){{0,{own.most}}} "\\n"?',
        'VERDICT: "keep_all()" | "keep_doc()" | "keep_chunk()" | "untouch_doc()" | "drop_doc()"',
        "REMOVE: POSITIONS | NAMED",
        f"POSITIONS: {own.ranges(_opening('remove_lines'), ', ', _CLOSING)}",
        f"NAMED: {own.ranges(_opening('remove_lines') + 'start=', ', end=', _CLOSING)}",
    )


def _keep_ranges(own: _Lines) -> str:
    """Pairs of numbers, or `NA`."""
    return _rules(
        f'start: "NA" | "[" RANGE (", " RANGE){{0,{own.most}}} "]"',
        f"RANGE: {own.ranges(chr(92) + '[', ', ', chr(92) + ']')}",
    )


def _refinex(own: _Lines) -> str:
    """Lines and strings to remove."""
    strings = own.quoted()
    return _rules(
        f'start: "keep_all()" | call ("\\n" call){{0,{own.most}}} "\\n"?',
        f"call: REMOVE{''.join(f' | delete{one.number}' for one in strings)}",
        f"REMOVE: {own.ranges(_opening('remove_lines'), ', ', _CLOSING)}",
        *(f'delete{one.number}: "remove_str({one.number}, " source{one.number} ")"' for one in strings),
        *(rule for one in strings for rule in one.rules()),
    )


def _ultrax(own: _Lines) -> str:
    """Lines to remove, strings to replace, lines to add."""
    strings = own.quoted()
    return _rules(
        f'start: "keep_all()" | "remove_all()" | call ("\\n" call){{0,{own.most}}} "\\n"?',
        f"call: REMOVE | added{''.join(f' | replace{one.number}' for one in strings)}",
        f"REMOVE: {own.ranges(_opening('remove_lines'), ', ', _CLOSING)}",
        'added: AFTER (LINE | LINE_TWO) ")"',
        f"AFTER: /{_opening('add_line')}{own.after()}, [1-9][0-9]{{0,3}}, /",
        f"LINE: {_free(_LINE, _ONE)}",
        f"LINE_TWO: {_free(_LINE, _TWO)}",
        "target: TARGET | TARGET_TWO",
        f"TARGET: {_free(_TARGET, _ONE)}",
        f"TARGET_TWO: {_free(_TARGET, _TWO)}",
        "target_end: TARGET_END | TARGET_END_TWO",
        f"TARGET_END: {_free(_TARGET, _ONE, end=_ENDING)}",
        f"TARGET_END_TWO: {_free(_TARGET, _TWO, end=_ENDING)}",
        *(f'replace{one.number}: "replace_str({one.number}, " {one.replacement()} ")"' for one in strings),
        *(rule for one in strings for rule in one.rules()),
        *(rule for one in strings if one.ends for rule in one.ending_rules()),
    )


def _rescraper(own: _Lines) -> str:
    """The decision, what to extract, the decision again and what it asks for."""
    strings = own.quoted()
    return _rules(
        "start: keep | edit | delete | rewrite",
        'keep: "<keep>" ("\\n" extract "\\n<keep>")? "\\n"?',
        'delete: "<delete>" ("\\n" extract "\\n<delete>")? "\\n"?',
        f'edit: "<edit>\\n" extract "\\n<edit>" ("\\n" call){{1,{own.most}}} "\\n"?',
        'rewrite: "<rewrite>\\n" extract "\\n<rewrite>\\n" PAGE',
        f'extract: "<extract>" ("\\n" call){{0,{own.most}}}',
        f"call: REMOVE{''.join(f' | delete{one.number}' for one in strings)}",
        f"REMOVE: ONE | {own.ranges('rm ', '-', '')}",
        f"ONE: /rm {between(own.numbers[0], own.numbers[-1])}/",
        f"PAGE: /[^\\s\\x00-\\x1f\\x7f]([^\\x00-\\x08\\x0b-\\x1f\\x7f]*)/ & {_THOUGHT}",
        *(f'delete{one.number}: "sub {one.number}: " json{one.number}' for one in strings),
        *(rule for one in strings for rule in one.json_rules()),
    )


_GRAMMARS: dict[str, tuple[Callable[[_Lines], str], str]] = {
    "np": (_np, "keep_chunk()"),
    "keep_ranges": (_keep_ranges, "[[1, 1]]"),
    "refinex": (_refinex, "keep_all()"),
    "ultrax": (_ultrax, "keep_all()"),
    "rescraper": (_rescraper, "<keep>"),
}
"""What writes the grammar, and what is said of a chunk that owns none of its lines, by the name of the reader."""

GRAMMARS = tuple(_GRAMMARS)


class _Quoted:
    """A line that a string may be quoted from: runs of its words that stand once on it."""

    def __init__(self, number: int, text: str) -> None:
        self.number = number
        self._line = text.removesuffix("\n")
        self._pieces = pieces_of(self._line)
        self.beginnings = list(_beginnings(self._pieces, text))
        # Where a backslash stands on the line, a run may look as if it ended in a line feed.
        self.ends = text.endswith("\n") and "\\" not in text

    def rules(self) -> list[str]:
        """Write the rules of a string in Python's quotes, as `repr` chooses them where it can."""
        quotes = (_ONE, _TWO) if "'" in self._line else (_ONE,)
        return self._rules("source", [(quote, partial(_in_quotes, quote=quote)) for quote in quotes])

    def replacement(self) -> str:
        """Write what stands in a call that replaces a string: where its line's end goes, that may come back."""
        ending = f' | ends{self.number} ", " (target | target_end)' if self.ends else ""
        return f'(source{self.number} ", " target{ending})'

    def ending_rules(self) -> list[str]:
        """Write the rules of a string that ends with the line."""
        quotes = (_ONE, _TWO) if "'" in self._line else (_ONE,)
        return self._rules("ends", [(quote, partial(_in_quotes, quote=quote)) for quote in quotes], ends=True)

    def json_rules(self) -> list[str]:
        """Write the rules of a string in JSON, other characters than ASCII's escaped or not."""
        ways = (False,) if self._line.isascii() else (False, True)
        return self._rules("json", [(_TWO, partial(_in_json, ascii_only=ascii_only)) for ascii_only in ways])

    def _rules(self, name: str, ways: Sequence[tuple[str, Callable[[str], str]]], *, ends: bool = False) -> list[str]:
        terminals = [f"{name.upper()}{self.number}_{at}" for at, _ in enumerate(ways)]
        strings = (f"{_QUOTES[quote]} {one} {_QUOTES[quote]}" for one, (quote, _) in zip(terminals, ways, strict=True))
        written = (self._ending(escaped) if ends else self._run(escaped) for _, escaped in ways)
        return [
            f"{name}{self.number}: {' | '.join(strings)}",
            *(f"{one}: {terminal}" for one, terminal in zip(terminals, written, strict=True)),
        ]

    def _run(self, escaped: Callable[[str], str]) -> str:
        beginnings = "|".join(literal(escaped(run)) for run in self.beginnings)
        return f"/({beginnings})[^\\n]*/ & {runs_of(list(map(escaped, self._pieces)))}"

    def _ending(self, escaped: Callable[[str], str]) -> str:
        return f"/[^\\n]*\\\\n/ & {runs_of([*map(escaped, self._pieces), chr(92) + 'n'])}"


def _beginnings(pieces: Sequence[str], text: str) -> Iterator[str]:
    """Give, for each piece that a run may begin with, the shortest run that stands once in the text."""
    for start in range(len(pieces)):
        run = ""
        for piece in pieces[start : start + _LONGEST_BEGINNING]:
            run += piece
            if text.find(run) == text.rfind(run):
                yield run
                break


def _in_quotes(text: str, quote: str) -> str:
    r"""Write a text as `repr` writes it between two quotes.

    >>> _in_quotes("it's\u00a0\\", "'"), _in_quotes("it's\t", '"')
    ("it\\'s\\xa0\\\\", "it's\\t")
    """
    return "".join("\\" + one if one == quote else one if one in "'\"" else repr(one)[1:-1] for one in text)


def _in_json(text: str, *, ascii_only: bool) -> str:
    return json.dumps(text, ensure_ascii=ascii_only)[1:-1]


def _free(most: int, quote: str, *, end: str = "") -> str:
    """Write the terminal of a string that may hold anything, its quotes included."""
    escapes = "['\\\\t]" if quote == "'" else '["\\\\t]'
    body = f"([^{quote}\\\\\\x00-\\x1f\\x7f]|\\\\{escapes}){{0,{most}}}"
    return f"/{quote}{body}{end}{quote}/ & {_THOUGHT}"


def _opening(name: str) -> str:
    return f"{name}\\("


def _rules(*rules: str) -> str:
    return "\n".join(rules) + "\n"
