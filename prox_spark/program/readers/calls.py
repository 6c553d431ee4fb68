r"""The readers of `ultrax` and `refinex`, strict: one call a line, about lines by the numbers that are shown.

    ultrax     keep_all()  remove_all()  remove_lines(a, b)  replace_str(n, 'old', 'new')  add_line(n, m, 'text')
    refinex    keep_all()  remove_lines(a, b)  remove_str(n, 'old')  remove_str('old', n)

A line is one of these and no more, but for a comment. `add_line` adds after line `n`, 0 being before the first, in the
order of the program: `m`, with which UltraX orders what it adds, would let one addition overwrite another. A source and
target that both end in a line feed are meant without.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from prox_spark.program.operations import Operation
from prox_spark.program.ranges import line_number
from prox_spark.program.readers import ultrax
from prox_spark.program.readers.answer import Answer, Collected, Item, answer_lines
from prox_spark.program.readers.strings import STRING, decoded
from prox_spark.program.stored import Readings

_INTEGER = r"\s*(-?[0-9]+)\s*"
_STRING = rf"\s*({STRING})\s*"
_NAME = re.compile(r"([A-Za-z_]\w*)\s*\(")
_SKIPPED = re.compile(r"#.*|---|```\w*")

Call = Callable[[Answer, Sequence[str], int], Item]
Language = Mapping[str, Sequence[tuple[re.Pattern[str], Call]]]
"""What may stand between the parentheses of each name, and what it means: a function of the answer, of what the
pattern has matched, and of the number of lines of the text."""


def _call(arguments: str) -> re.Pattern[str]:
    return re.compile(rf"\w+\s*\({arguments}\)\s*(?:#.*)?")


def _keep(answer: Answer, _: Sequence[str], count: int) -> Item:
    return answer.verdict(drops=False, text_lines=count)


def _drop(answer: Answer, _: Sequence[str], count: int) -> Item:
    return answer.verdict(drops=True, text_lines=count)


def _remove(answer: Answer, values: Sequence[str], _: int) -> Item:
    return answer.removal(_number(values[0]), _number(values[1]))


def _replace(answer: Answer, values: Sequence[str], _: int) -> Item:
    source, target = decoded(values[1]), decoded(values[2])
    if source is None or target is None:
        return "bad_arguments"
    if source.endswith("\n") and target.endswith("\n"):
        source, target = source[:-1], target[:-1]
    return answer.on_line(_number(values[0]), lambda line: Operation("replace_str", line, line, source, target))


def _delete(answer: Answer, values: Sequence[str], _: int) -> Item:
    return _replace(answer, (values[0], values[1], "''"), 0)


def _delete_turned(answer: Answer, values: Sequence[str], _: int) -> Item:
    return _replace(answer, (values[1], values[0], "''"), 0)


def _add(answer: Answer, values: Sequence[str], _: int) -> Item:
    target = decoded(values[2])
    if target is None:
        return "bad_arguments"
    return answer.on_line(
        _number(values[0]), lambda line: Operation("add_line", line, target=target.removesuffix("\n"))
    )


_VERDICT = _call(r"\s*")
_LINES = _call(f"{_INTEGER},{_INTEGER}")

ULTRAX: Language = {
    "keep_all": [(_VERDICT, _keep)],
    "remove_all": [(_VERDICT, _drop)],
    "remove_lines": [(_LINES, _remove)],
    "replace_str": [(_call(f"{_INTEGER},{_STRING},{_STRING}"), _replace)],
    "add_line": [(_call(f"{_INTEGER},{_INTEGER},{_STRING}"), _add)],
}

REFINEX: Language = {
    "keep_all": [(_VERDICT, _keep)],
    "remove_lines": [(_LINES, _remove)],
    "remove_str": [
        (_call(f"{_INTEGER},{_STRING}"), _delete),
        (_call(f"{_STRING},{_INTEGER}"), _delete_turned),
    ],
}


def _read(language: Language, text: str, answers: Sequence[Answer]) -> list[Readings]:
    count = text.count("\n") + 1
    readings = []
    for answer in answers:
        collected = Collected()
        for number, line, cut in answer_lines(answer):
            if not _SKIPPED.fullmatch(line):
                collected.add("truncated" if cut else _meaning(language, answer, line, count), number, line)
        readings.append(collected.readings())
    return readings


read_refinex = partial(_read, REFINEX)


def read_ultrax(text: str, answers: Sequence[Answer]) -> list[Readings]:
    """Read each answer on its own in strict mode; the published executor takes them for one program, of the first."""
    strict = _read(ULTRAX, text, answers)
    published = (ultrax.read(text, answers), *(() for _ in strict[1:]))
    return [replace(one, reference_operations=given) for one, given in zip(strict, published, strict=True)]


def _meaning(language: Language, answer: Answer, line: str, count: int) -> Item:
    name = _NAME.match(line)
    if name is None:
        return "not_an_operation"
    if name[1] not in language:
        return "unknown_operation"
    for pattern, meaning in language[name[1]]:
        if match := pattern.fullmatch(line):
            return meaning(answer, match.groups(), count)
    return "bad_arguments" if line.endswith(")") else "truncated"


def _number(digits: str) -> int:
    return -line_number(digits[1:]) if digits.startswith("-") else line_number(digits)
