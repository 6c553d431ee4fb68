"""Batches and blame, without a model."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prox_spark.engines.batching import Limits, Request, batches, isolate
from prox_spark.errors import TaskError

requests = st.lists(st.tuples(st.integers(1, 40), st.integers(1, 20))).map(
    lambda sizes: [Request(index, (0,) * length, new) for index, (length, new) in enumerate(sizes)]
)


@given(requests, st.integers(1, 9), st.integers(1, 200))
def test_batches_hold_every_request_once_and_keep_to_their_limits(made: list[Request], size: int, tokens: int) -> None:
    cut = list(batches(made, Limits(size, tokens)))
    assert sorted(request.index for batch in cut for request in batch) == list(range(len(made)))
    for batch in cut:
        width = max(len(request.token_ids) for request in batch) + max(request.max_new_tokens for request in batch)
        assert len(batch) == 1 or (len(batch) <= size and width * len(batch) <= tokens)


def test_prompts_of_like_length_go_together() -> None:
    made = [Request(index, (0,) * length, 1) for index, length in enumerate([50, 1, 49, 2])]
    assert [[r.index for r in batch] for batch in batches(made, Limits(2, 1000))] == [[1, 3], [2, 0]]


def test_no_batch_runs_past_positions_that_the_model_does_not_have() -> None:
    made = [Request(0, (0,) * 10, 90), Request(1, (0,) * 50, 50)]
    assert len(list(batches(made, Limits(8, 10_000, positions=100)))) == 2
    assert len(list(batches(made, Limits(8, 10_000)))) == 1


@given(st.sets(st.integers(0, 30)), st.integers(1, 31))
def test_only_the_requests_to_blame_fail(bad: set[int], count: int) -> None:
    def answer(batch: Sequence[Request]) -> list[str]:
        if any(request.index in bad for request in batch):
            raise RuntimeError("cannot")
        return [f"answer {request.index}" for request in batch]

    made = [Request(index, (0,), 1) for index in range(count)]
    found = isolate(made, answer, lambda request, error: f"{request.index}: {error}")
    assert found == {i: f"{i}: cannot" if i in bad else f"answer {i}" for i in range(count)}


def test_one_bad_request_costs_few_calls() -> None:
    calls = 0

    def answer(batch: Sequence[Request]) -> list[int]:
        nonlocal calls
        calls += 1
        if any(request.index == 40 for request in batch):
            raise RuntimeError
        return [0 for _ in batch]

    isolate([Request(index, (0,), 1) for index in range(64)], answer, lambda request, error: 1)
    assert calls == 13  # the whole, and two halves at each of six levels


def test_a_batch_too_large_for_the_memory_is_answered_in_parts() -> None:
    def answer(batch: Sequence[Request]) -> list[int]:
        if len(batch) > 3:
            raise MemoryError
        return [request.index for request in batch]

    made = [Request(index, (0,), 1) for index in range(10)]
    assert isolate(made, answer, lambda request, error: -1) == {index: index for index in range(10)}


def test_a_wrong_number_of_answers_is_an_error_of_those_requests() -> None:
    made = [Request(0, (0,), 1), Request(1, (0,), 1)]
    found = isolate(made, lambda batch: [], lambda request, error: type(error).__name__)
    assert found == {0: "ValueError", 1: "ValueError"}


def test_a_lost_device_fails_the_task_and_blames_nobody() -> None:
    def answer(batch: Sequence[Request]) -> list[int]:
        raise TaskError("gone")

    with pytest.raises(TaskError, match="gone"):
        isolate([Request(0, (0,), 1)], answer, lambda request, error: 0)
