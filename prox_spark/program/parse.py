r"""The parser: turns what a model wrote into operations and recorded problems; it never raises and never runs anything.

The strict grammar; `parse` reads it line by line, after CRLF and CR have become line feeds and the line is stripped:

    line      = fence | { separator } { call { separator } } [ comment ]
    call      = name "(" [ argument { "," argument } ] ")"
    argument  = [ name "=" ] ( string | word )
    string    = '"' … '"' | "'" … "'"     everything inside is text; escapes: \n \t \r \\ \' \" \/ \xHH \uHHHH
    word      = any run without blanks, quotes or , ; ( ) = #
    comment   = "#" to the end of the line
    fence     = "```" [ language ]
    separator = blanks and ";"

    keep_doc() keep_all()          the document stays as it is
    keep_chunk() untouch_doc()     the chunk stays as it is
    drop_doc()                     the document goes
    remove_lines(start, end)       keywords start or line_start, end or line_end; inclusive, 0-based; all=… is ignored
    normalize(source[, target])    keywords source or source_str, target or target_str; no target deletes the source

Models forget to escape quotes. A quote therefore ends its string only where the call can go on: before a comma and the
next argument, or before the closing parenthesis and what may follow a call. Names are case-sensitive; line numbers are
ASCII digits, leading zeros allowed. Text after a call that is neither a comment nor another call makes that call a
problem: `drop_doc() would be wrong` drops nothing. Each rule of the table below is one compiled pattern without nested
repetition, tried only where the scanner stands, so the time is linear in the completion.

A model may think before it answers, and show examples: what stands between tags such as `<think>` is no program
(thoughts.py), and where an answer has prose, and calls both inside and outside of a fence or in several, none of them
is one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from prox_spark.program.characters import WHITESPACE, characters, regex_class
from prox_spark.program.operations import Mode, Operation, OperationName, Problem, Program
from prox_spark.program.ranges import line_number
from prox_spark.program.reference import parse_reference_lines
from prox_spark.program.thoughts import without_thoughts

_BLANK = f"[{regex_class(WHITESPACE)}]*"
_NAME = "[A-Za-z_][A-Za-z0-9_]*"
_WORD = f"[^{regex_class(WHITESPACE)},;()=#\"']+"
_AFTER_CALL = rf"\){_BLANK}(?:\Z|[;#A-Za-z_])"
_KEYWORD_OR_CUT = rf"{_NAME}{_BLANK}(?:=|\Z)"

TOKEN_RULES: dict[str, re.Pattern[str]] = {
    "fence": re.compile(r"```[A-Za-z0-9_+-]*\Z"),
    "separator": re.compile(f"[;{regex_class(WHITESPACE)}]*"),
    "blank": re.compile(_BLANK),
    "opening": re.compile(rf"({_NAME}){_BLANK}\("),
    "keyword": re.compile(rf"({_NAME}){_BLANK}={_BLANK}"),
    "word": re.compile(_WORD),
    "in_double_quotes": re.compile(r'\\[\s\S]|"'),
    "in_single_quotes": re.compile(r"\\[\s\S]|'"),
    "ends_named_string": re.compile(rf"{_BLANK}(?:\Z|{_AFTER_CALL}|,{_BLANK}(?:\Z|{_KEYWORD_OR_CUT}))"),
    "ends_string": re.compile(rf"{_BLANK}(?:\Z|{_AFTER_CALL}|,{_BLANK}(?:\Z|[\"'0-9-]|{_KEYWORD_OR_CUT}))"),
    "may_end_string": re.compile(rf"{_BLANK}[,)]"),
    "escape": re.compile(r"(?:\\u[0-9A-Fa-f]{4})+|\\x[0-9A-Fa-f]{2}|\\[ntr\\'\"/]"),
    "integer": re.compile(r"[0-9]+\Z"),
    "negative": re.compile(r"-[0-9]+\Z"),
}
"""Every token of the grammar above, and the look-ahead that decides where a string ends."""

_STRIPPED = characters(WHITESPACE)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", "'": "'", '"': '"', "/": "/"}

_VERDICTS: dict[str, OperationName] = {
    "keep_doc": "keep_doc",
    "keep_all": "keep_doc",
    "keep_chunk": "keep_chunk",
    "untouch_doc": "keep_chunk",
    "drop_doc": "drop_doc",
}
_PARAMETERS = {
    "remove_lines": {"start": 0, "line_start": 0, "end": 1, "line_end": 1},
    "normalize": {"source": 0, "source_str": 0, "target": 1, "target_str": 1},
}


@dataclass(frozen=True, slots=True)
class _Argument:
    keyword: str | None
    value: str
    quoted: bool


@dataclass(frozen=True, slots=True)
class _Call:
    """One call: its name, its arguments or the reason why they cannot be read, and where it ends in the line."""

    name: str
    arguments: tuple[_Argument, ...]
    reason: str | None
    end: int


def parse(
    completion: str, *, mode: Mode = "strict", finish_reason: str | None = None, everything: bool = False
) -> Program:
    """Parse what a model wrote into operations, in order, and problems; never raise.

    In reference mode the operations are those that the published parser gets, and each problem is one error it counts.

    Args:
        finish_reason: `length` when the token limit cut the completion: then an incomplete last line is `truncated`.
        everything: Take thoughts and examples for the program too, as the first lakes were read.

    >>> parse("remove_lines(start=0, end=002)  # navigation").operations
    (Operation(op='remove_lines', line_start=0, line_end=2, source=None, target=None),)
    >>> parse('normalize(source_str="see (1, 2) = x")').operations[0].source
    'see (1, 2) = x'
    >>> [(problem.line, problem.reason) for problem in parse("keep_doc()\\nremove_lines(3, 1)").problems]
    [(1, 'reversed_range')]
    >>> parse("keep_doc()\\nremove_li", finish_reason="length").problems[0].reason
    'truncated'
    """
    if mode == "reference":
        return Program(*parse_reference_lines(completion))
    whole = completion.replace("\r\n", "\n").replace("\r", "\n")
    answer, unended = (whole, None) if everything else without_thoughts(whole)
    lines = answer.split("\n")
    operations: list[Operation] = []
    problems: list[Problem] = []
    places: list[tuple[int, int]] = []  # of each operation: how many fences stand before it, and its line
    fences = 0
    for number, raw in enumerate(lines):
        line = raw.strip(_STRIPPED)
        fences += TOKEN_RULES["fence"].match(line) is not None
        cut = finish_reason == "length" and number == len(lines) - 1
        for item in _read_line(line, cut):
            if isinstance(item, Operation):
                operations.append(item)
                places.append((fences, number))
            else:
                problems.append(Problem(number, item, line[:200]))
    if fences and not everything and _has_examples(places, problems):
        problems += [Problem(number, "not_an_operation", lines[number].strip(_STRIPPED)[:200]) for _, number in places]
        operations = []
    if unended is not None:
        problems.append(Problem(whole.count("\n", 0, unended), "truncated", whole[unended:].split("\n", 1)[0][:200]))
    return Program(tuple(operations), tuple(sorted(problems, key=lambda problem: problem.line)))


def _has_examples(places: list[tuple[int, int]], problems: list[Problem]) -> bool:
    """Say whether an answer talks of programs: prose, and calls in more than one place, so that none is the program."""
    talks = any(problem.reason == "not_an_operation" and " " in problem.text for problem in problems)
    return talks and len({fences for fences, _ in places}) > 1


def _read_line(line: str, cut: bool) -> list[Operation | str]:
    """Give the operations of one line, and the reason for each part of it that is none."""
    items: list[Operation | str] = []
    at = 0
    if TOKEN_RULES["fence"].match(line):
        return items
    while True:
        gap = _end("separator", line, at)
        if gap == len(line) or line[gap] == "#":
            return items
        opening = TOKEN_RULES["opening"].match(line, gap)
        if opening is None:
            return _with_rest(items, cut, after_call=bool(items) and ";" not in line[at:gap])
        call = _read_call(line, opening.group(1), opening.end())
        items.append(_operation(call))
        at = call.end


def _with_rest(items: list[Operation | str], cut: bool, *, after_call: bool) -> list[Operation | str]:
    """Add the reason for the rest of a line that is no call; directly behind a call it makes that call a problem."""
    if cut:
        return [*items, "truncated"]
    if not after_call:
        return [*items, "not_an_operation"]
    return [*items[:-1], "trailing_text"] if isinstance(items[-1], Operation) else items


def _read_call(line: str, name: str, at: int) -> _Call:
    """Read the arguments from `at`, behind the opening parenthesis, up to the closing one or the end of the line."""
    arguments: list[_Argument] = []
    wrong = False
    expected = True  # an argument, as opposed to a comma
    at = _end("blank", line, at)
    while at < len(line) and line[at] not in ");#":
        character = line[at]
        if character == ",":
            wrong, expected, at = wrong or expected, True, at + 1
        else:
            argument, at = _read_argument(line, at)
            wrong, expected = wrong or argument is None or not expected, False
            if argument is not None:
                arguments.append(argument)
        at = _end("blank", line, at)
    if at >= len(line) or line[at] != ")":
        return _Call(name, (), "truncated", at)
    wrong = wrong or (expected and bool(arguments))
    return _Call(name, tuple(arguments), "bad_arguments" if wrong else None, at + 1)


def _read_argument(line: str, at: int) -> tuple[_Argument | None, int]:
    """Read one argument; None for what cannot be one, with the place where reading goes on."""
    keyword = TOKEN_RULES["keyword"].match(line, at)
    if keyword is not None:
        at = keyword.end()
    name = keyword.group(1) if keyword is not None else None
    if at < len(line) and line[at] in "\"'":
        end = _string_end(line, at, named=keyword is not None)
        if end is None:
            return None, len(line)
        value = _decode(line[at + 1 : end])
        return (None if value is None else _Argument(name, value, True)), end + 1
    word = TOKEN_RULES["word"].match(line, at)
    if word is not None:
        return _Argument(name, word.group(), False), word.end()
    if keyword is not None:
        return None, at
    return None, at + 1  # a stray "(" or "="


def _string_end(line: str, start: int, *, named: bool) -> int | None:
    """Find the quote that ends the string which opens at `start`; None if the line ends first.

    The first quote behind which the call can go on. Failing that, the first before a comma or parenthesis: what follows
    it is then wrong, so this costs at most one scan to the end of the line for every line.
    """
    inside = "in_double_quotes" if line[start] == '"' else "in_single_quotes"
    ends = TOKEN_RULES["ends_named_string" if named else "ends_string"]
    fallback: int | None = None
    for match in TOKEN_RULES[inside].finditer(line, start + 1):
        if match.end() - match.start() > 1:  # an escape
            continue
        if ends.match(line, match.end()):
            return match.start()
        if fallback is None and TOKEN_RULES["may_end_string"].match(line, match.end()):
            fallback = match.start()
    return fallback


def _decode(text: str) -> str | None:
    r"""Decode the escapes of a string; an unknown one keeps its backslash, a lone surrogate gives None."""
    if "\\" not in text:
        return text
    decoded = TOKEN_RULES["escape"].sub(_decode_escape, text)
    return None if any("\ud800" <= character <= "\udfff" for character in decoded) else decoded


def _decode_escape(match: re.Match[str]) -> str:
    escape = match.group()
    if escape[1] == "u":
        units = b"".join(int(digits, 16).to_bytes(2, "big") for digits in escape[2:].split("\\u"))
        return units.decode("utf-16-be", "surrogatepass")
    return chr(int(escape[2:], 16)) if escape[1] == "x" else _ESCAPES[escape[1]]


def _operation(call: _Call) -> Operation | str:
    """Give the operation that a call means, or the reason why it means none."""
    if call.name in _VERDICTS:
        if call.reason is None and call.arguments:
            return "bad_arguments"
        return call.reason or Operation(_VERDICTS[call.name])
    if call.name not in _PARAMETERS:
        return "unknown_operation"
    if call.reason is not None:
        return call.reason
    slots = _slots(call)
    if slots is None or slots[0] is None:
        return "bad_arguments"
    return _remove_lines(*slots) if call.name == "remove_lines" else _normalize(*slots)


def _slots(call: _Call) -> list[_Argument | None] | None:
    """Put the arguments in their places, the positional ones first; None if one has no place or a place is taken."""
    slots: list[_Argument | None] = [None, None]
    places = _PARAMETERS[call.name]
    named = False
    for position, argument in enumerate(call.arguments):
        if call.name == "remove_lines" and argument.keyword == "all" and argument.value in ("True", "False"):
            named = True
            continue
        if argument.keyword is None and named:
            return None
        named = argument.keyword is not None
        place = position if argument.keyword is None else places.get(argument.keyword, len(slots))
        if place >= len(slots) or slots[place] is not None:
            return None
        slots[place] = argument
    return slots


def _remove_lines(start: _Argument | None, end: _Argument | None) -> Operation | str:
    if start is None or end is None or start.quoted or end.quoted:
        return "bad_arguments"
    if TOKEN_RULES["integer"].match(start.value) and TOKEN_RULES["integer"].match(end.value):
        first, last = line_number(start.value), line_number(end.value)
        return "reversed_range" if first > last else Operation("remove_lines", line_start=first, line_end=last)
    for value in (start.value, end.value):
        if not TOKEN_RULES["integer"].match(value) and not TOKEN_RULES["negative"].match(value):
            return "not_an_integer"
    return "negative_line"


def _normalize(source: _Argument | None, target: _Argument | None) -> Operation | str:
    if source is None or not source.quoted or (target is not None and not target.quoted):
        return "bad_arguments"
    return Operation("normalize", source=source.value, target="" if target is None else target.value)


def _end(rule: str, line: str, at: int) -> int:
    match = TOKEN_RULES[rule].match(line, at)
    return at if match is None else match.end()
