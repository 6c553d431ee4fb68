"""Batches of prompts for engines that pad: who goes together, and who is to blame when a batch fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from prox_spark.errors import TaskError

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Request:
    """Hold one prompt on its way through the model: its place in the call, its token ids, and its limit."""

    index: int
    token_ids: tuple[int, ...]
    max_new_tokens: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Say how large a batch may be.

    Attributes:
        size: Most prompts.
        tokens: Most tokens, padding and completions included; a single prompt always makes a batch.
        positions: Positions that the model has, where running past them fails; None where it only degrades.
    """

    size: int
    tokens: int
    positions: int | None = None


def batches(requests: Sequence[Request], limits: Limits) -> Iterator[list[Request]]:
    """Sort by length, so that little is padded, and cut into batches within `limits`.

    >>> [[r.index for r in b] for b in batches([Request(0, (1, 1), 4), Request(1, (1,), 4)], Limits(8, 6))]
    [[1], [0]]
    """
    batch: list[Request] = []
    for request in sorted(requests, key=lambda r: (len(r.token_ids), r.max_new_tokens, r.index)):
        if batch and not _fits([*batch, request], limits):
            yield batch
            batch = []
        batch.append(request)
    if batch:
        yield batch


def _fits(batch: Sequence[Request], limits: Limits) -> bool:
    width = len(batch[-1].token_ids) + max(request.max_new_tokens for request in batch)
    within = limits.positions is None or width <= limits.positions
    return within and len(batch) <= limits.size and len(batch) * width <= limits.tokens


def isolate(
    batch: Sequence[Request],
    answer: Callable[[Sequence[Request]], Sequence[Answer]],
    fail: Callable[[Request, Exception], Answer],
) -> dict[int, Answer]:
    """Answer a batch; when it fails halve it, until each failing prompt stands alone.

    A batch that only was too large for the memory is answered in its halves, so no exception is treated by its kind.
    The depth is log2 of the batch, and a batch of n with one bad prompt costs about 2 log2(n) calls.

    Args:
        answer: Gives one answer per request, in order.
        fail: Makes the answer of a request that fails on its own.

    Returns:
        The answers by the requests' index.
    """
    answers: dict[int, Answer] = {}
    waiting = [list(batch)]
    while waiting:
        part = waiting.pop()
        try:
            answers.update(zip((request.index for request in part), answer(part), strict=True))
        except TaskError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever an engine raises, it is about one of these prompts
            if len(part) == 1:
                answers[part[0].index] = fail(part[0], error)
            else:
                waiting += [part[len(part) // 2 :], part[: len(part) // 2]]
    return answers
