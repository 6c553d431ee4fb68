"""Threads beside the one that feeds: order, bounds, errors on either side, and listeners that leave."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from prox_spark.engines.beside import after, ahead


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("prox-spark-a")}


def ended() -> bool:
    """Wait for the threads to end; those of a closed generator do so soon."""
    until = time.monotonic() + 5
    while threads() and time.monotonic() < until:
        time.sleep(0.01)
    return not threads()


def test_items_are_fetched_ahead_in_their_order_and_within_the_room() -> None:
    fetched: list[int] = []

    def source() -> Iterator[int]:
        for number in range(50):
            fetched.append(number)
            yield number

    items = ahead(source(), 4)
    assert next(items) == 0
    time.sleep(0.2)
    assert 4 <= len(fetched) <= 7
    assert list(items) == list(range(1, 50))
    assert ended()


def test_an_error_ahead_comes_behind_the_items_before_it() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise KeyError("broken")

    items = ahead(source(), 4)
    assert next(items) == 1
    with pytest.raises(KeyError, match="broken"):
        next(items)
    assert ended()


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_whoever_stops_listening_ends_the_thread_and_its_source(taken: int) -> None:
    closed = threading.Event()

    def source() -> Iterator[int]:
        try:
            yield from range(1_000_000)
        finally:
            closed.set()

    items = ahead(source(), 2)
    for _ in range(taken):
        next(items)
    items.close()  # type: ignore[attr-defined]
    assert ended() and (closed.wait(5) or not taken)


def test_work_after_gets_every_item_in_order_while_this_thread_fetches() -> None:
    here = threading.get_ident()
    fetchers, workers = set(), set()

    def source() -> Iterator[int]:
        for number in range(300):
            fetchers.add(threading.get_ident())
            yield number

    def pairs(numbers: Iterator[int]) -> Iterator[list[int]]:
        for number in numbers:
            workers.add(threading.get_ident())
            yield [number, next(numbers)]

    assert [number for pair in after(pairs, source(), 3) for number in pair] == list(range(300))
    assert fetchers == {here} and here not in workers and len(workers) == 1
    assert ended()


def test_results_come_while_items_are_fetched() -> None:
    results = after(lambda numbers: numbers, iter(range(100_000)), 2)
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    assert ended()


def test_an_error_of_the_work_ends_the_fetching() -> None:
    fetched: list[int] = []

    def source() -> Iterator[int]:
        for number in range(1_000_000):
            fetched.append(number)
            yield number

    def broken(numbers: Iterator[int]) -> Iterator[int]:
        for number in numbers:
            if number == 5:
                raise ValueError("five")
            yield number

    results = after(broken, source(), 2)
    with pytest.raises(ValueError, match="five"):
        list(results)
    assert len(fetched) < 10_000
    assert ended()


def test_an_error_of_the_fetching_comes_through_and_ends_the_work() -> None:
    def source() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        list(after(lambda numbers: numbers, source(), 2))
    assert ended()


def test_a_chain_of_both_is_a_straight_line() -> None:
    prompts = ahead((number for number in range(1000)), 8)
    answers = (number + 1 for number in prompts)
    assert list(after(lambda numbers: (number * 2 for number in numbers), answers, 8)) == [
        2 * (number + 1) for number in range(1000)
    ]
    assert ended()
