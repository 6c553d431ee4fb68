"""Readers: what a model wrote about the chunks of a text, in one of several grammars, as operations of ours.

Every refiner has a reader, the executor knows few operations. A reader has the text at hand, and all answers to it at
once: what one window says may be about lines that another one owns, and a published executor may take all of them for
one program.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prox_spark.program.readers import calls, lines, ranges, scores, tagged
from prox_spark.program.readers.answer import Answer, Shown, Whole, own_lines
from prox_spark.program.stored import Readings
from prox_spark.program.stored import read as read_prox

__all__ = ["GRAMMARS", "READERS", "Answer", "Shown", "Whole", "own_lines", "read"]

Reader = Callable[[str, Sequence[Answer]], list[Readings]]


def _prox(text: str, answers: Sequence[Answer]) -> list[Readings]:
    """Read ProX's own language, which says everything about a chunk without its text."""
    return [read_prox(answer.completion, finish_reason=answer.finish_reason) for answer in answers]


READERS: dict[str, Reader] = {
    "prox": _prox,
    "np": lines.read,
    "keep_ranges": ranges.read,
    "refinex": calls.read_refinex,
    "ultrax": calls.read_ultrax,
    "rescraper": tagged.read,
    "score": scores.read,
}
"""What reads the answers of each grammar."""

GRAMMARS = tuple(READERS)


def read(grammar: str, text: str, answers: Sequence[Answer]) -> list[Readings]:
    """Read the answers to the chunks of a text, in both modes; one for each chunk, in order. It never raises.

    Args:
        grammar: What they are written in, one of `GRAMMARS`.
        text: The text as it is, not as it was shown.
        answers: The chunks with their answers.
    """
    return READERS[grammar](text, answers) if answers else []
