"""The reader of `score`: what a classifier says of a document, `score(2.75)`; `apply` decides whether it stays."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from prox_spark.program.operations import Operation
from prox_spark.program.readers.answer import Answer, Collected, answer_lines
from prox_spark.program.stored import Readings

_SCORE = re.compile(r"score\(\s*([+-]?[0-9]{1,30}(?:\.[0-9]{0,30})?(?:[eE][+-]?[0-9]{1,3})?)\s*\)")


def read(text: str, answers: Sequence[Answer]) -> list[Readings]:
    """Read each answer on its own."""
    return [_read(answer) for answer in answers]


def _read(answer: Answer) -> Readings:
    collected = Collected()
    for number, line, cut in answer_lines(answer):
        match = _SCORE.fullmatch(line)
        if match is None:
            collected.add("truncated" if cut else "not_an_operation", number, line)
        elif math.isfinite(value := float(match[1])):
            collected.add(Operation("score", target=repr(value)), number, line)
        else:
            collected.add("bad_arguments", number, line)
    return collected.readings()
