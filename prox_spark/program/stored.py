"""What is stored of a completion: the operations and problems that the parsers of both modes read in it, as a row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prox_spark.program.operations import ChunkProgram, Operation, Problem
from prox_spark.program.parse import parse
from prox_spark.program.reference import parse_reference


@dataclass(frozen=True, slots=True)
class Readings:
    """A completion as both parsers read it.

    Attributes:
        operations: What strict mode reads.
        problems: The lines that strict mode cannot read.
        reference_operations: What the published parser reads.
        reference_errors: How many errors the published parser counts.
    """

    operations: tuple[Operation, ...] = ()
    problems: tuple[Problem, ...] = ()
    reference_operations: tuple[Operation, ...] = ()
    reference_errors: int = 0

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Readings:
        """Give what `columns` gave as a row, of `schema.CHUNK` or of its four fields."""
        return cls(
            tuple(map(operation, row["ops"])),
            tuple(Problem(**problem) for problem in row["problems"]),
            tuple(map(operation, row["reference_ops"])),
            row["reference_errors"],
        )

    def program(
        self, completion: str, index: int | None = None, first: int | None = None, last: int | None = None
    ) -> ChunkProgram:
        """Make them a program, ready to execute; a line of another window counts neither as right nor as wrong.

        Args:
            completion: What they were read in.
            index: Which chunk; None for the whole document.
            first: The first line that the program may touch; None for the whole document.
            last: The last one, inclusive.
        """
        return ChunkProgram(
            index,
            first,
            last,
            completion,
            self.operations,
            sum(problem.reason != "other_window" for problem in self.problems),
            self.reference_operations,
            self.reference_errors,
        )

    def columns(self) -> dict[str, Any]:
        """Give the four fields of `schema.CHUNK` that hold them.

        >>> read("drop_doc() or not").columns()["problems"]
        [{'line': 0, 'reason': 'trailing_text', 'text': 'drop_doc() or not'}]
        """
        return {
            "ops": [_fields(operation) for operation in self.operations],
            "problems": [_fields(problem) for problem in self.problems],
            "reference_ops": [_fields(operation) for operation in self.reference_operations],
            "reference_errors": self.reference_errors,
        }


def read(completion: str | None, *, finish_reason: str | None = None, everything: bool = False) -> Readings:
    """Parse what a model wrote in both modes; a chunk that the model was not asked about has no completion.

    Args:
        completion: What the model wrote.
        finish_reason: Why it ended.
        everything: Take thoughts and examples for the program too, as the first lakes were read.
    """
    if completion is None:
        return Readings()
    program = parse(completion, finish_reason=finish_reason, everything=everything)
    return Readings(program.operations, program.problems, *parse_reference(completion))


def operation(row: Mapping[str, Any]) -> Operation:
    """Give the operation of a stored row, one with a fate included.

    >>> operation(read("remove_lines(0, 4)").columns()["ops"][0])
    Operation(op='remove_lines', line_start=0, line_end=4, source=None, target=None)
    """
    return Operation(**{name: row[name] for name in Operation.__slots__})


def _fields(value: Operation | Problem) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__slots__}
