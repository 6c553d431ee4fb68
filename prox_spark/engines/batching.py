"""Batches of prompts for engines that pad: who goes together, and who is to blame when a batch fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from prox_spark.engines.seam import Completion, Sampling
from prox_spark.errors import ProxError

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Request:
    """A prompt on its way through the model: its place in the call, its token ids, its limit, grammar and sampling."""

    index: int
    token_ids: tuple[int, ...]
    max_new_tokens: int
    grammar: str | None = None
    sampling: Sampling | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """How large a batch may be.

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


def refusal(request: Request, context: int | None, vocabulary: int) -> Completion | None:
    """Refuse what would fail in the model; on a GPU an id outside the vocabulary would take the process with it.

    >>> refusal(Request(0, (1, 2, 3), 8), context=10, vocabulary=5).finish_reason
    'skipped'
    """
    length, limit = len(request.token_ids), request.max_new_tokens
    if context is not None and length > context - limit:
        message = f"the prompt has {length} tokens; the context of {context} less {limit} new ones is shorter"
        return Completion("", "skipped", length, 0, message)
    if length == 0 or limit < 1:
        return Completion("", "error", length, 0, f"{length} prompt tokens and {limit} new ones: both must be more")
    if min(request.token_ids) < 0 or max(request.token_ids) >= vocabulary:
        return Completion("", "error", length, 0, f"a token id is outside the vocabulary of {vocabulary}")
    return None


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
        except ProxError:  # not about a prompt: the device, or how the engine is set up
            raise
        except Exception as error:  # noqa: BLE001 - whatever an engine raises, it is about one of these prompts
            if len(part) == 1:
                answers[part[0].index] = fail(part[0], error)
            else:
                waiting += [part[len(part) // 2 :], part[: len(part) // 2]]
    return answers
