"""The reader of `np` (DataOrchestra's line pruner): the verdicts and `remove_lines` of our own language, no strings."""

from __future__ import annotations

from collections.abc import Sequence

from prox_spark.program.operations import Operation
from prox_spark.program.parse import parse
from prox_spark.program.readers.answer import Answer, Collected, Item, answer_lines
from prox_spark.program.stored import Readings


def read(text: str, answers: Sequence[Answer]) -> list[Readings]:
    """Read each answer on its own."""
    count = text.count("\n") + 1
    return [_read(answer, count) for answer in answers]


def _read(answer: Answer, count: int) -> Readings:
    collected = Collected()
    for number, line, cut in answer_lines(answer):
        program = parse(line, finish_reason="length" if cut else None)
        for operation in program.operations:
            collected.add("truncated" if cut else _placed(answer, operation, count), number, line)
        for problem in program.problems:
            collected.add(problem.reason, number, line)
    return collected.readings()


def _placed(answer: Answer, operation: Operation, count: int) -> Item:
    """Give an operation, whose line numbers are those shown, on the lines of the document."""
    if operation.op == "normalize":
        return "unknown_operation"
    if operation.op != "remove_lines":
        return answer.verdict(drops=operation.op == "drop_doc", text_lines=count)
    return answer.removal(operation.line_start or 0, operation.line_end or 0)
