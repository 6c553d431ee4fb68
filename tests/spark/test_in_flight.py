"""Jobs in flight together: their order, their number, and what becomes of the others when one fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from prox_spark.spark.in_flight import in_flight


class Session:
    """A session that takes tags and is told what to interrupt; its jobs look whether they are."""

    def __init__(self) -> None:
        self.tags = threading.local()
        self.interrupted: set[str] = set()

    def addTag(self, tag: str) -> None:  # noqa: N802 - Spark's name
        self.tags.value = tag

    def removeTag(self, tag: str) -> None:  # noqa: N802 - Spark's name
        assert self.tags.value == tag

    def interruptTag(self, tag: str) -> None:  # noqa: N802 - Spark's name
        self.interrupted.add(tag)

    def run(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.tags.value in self.interrupted:
                raise RuntimeError("interrupted")
            time.sleep(0.01)


def plain(spark: Session) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Leave a job as it is: there is no thread of a JVM whose properties it could inherit."""
    return lambda job: job


def counted(seconds: float = 0.05) -> tuple[list[int], Callable[[int], Callable[[], int]]]:
    at_once, running, lock = [], [0], threading.Lock()

    def job(number: int) -> Callable[[], int]:
        def run() -> int:
            with lock:
                running[0] += 1
                at_once.append(running[0])
            time.sleep(seconds)
            with lock:
                running[0] -= 1
            return number

        return run

    return at_once, job


@pytest.mark.parametrize("most", [1, 2, 3])
def test_results_come_in_order_and_no_more_jobs_run_than_are_allowed(most: int) -> None:
    at_once, job = counted()
    results = list(in_flight(Session(), (job(number) for number in range(7)), most=most, inheriting=plain))  # type: ignore[arg-type]
    assert results == list(range(7))
    assert max(at_once) == most


def test_one_at_a_time_runs_in_this_thread() -> None:
    here = threading.get_ident()
    assert list(in_flight(Session(), [threading.get_ident], most=1)) == [here]  # type: ignore[arg-type]


def test_a_job_that_fails_ends_the_others() -> None:
    spark: Any = Session()
    begun, ended = threading.Event(), []

    def long() -> None:
        begun.set()
        try:
            spark.run(30)
        except RuntimeError as error:
            ended.append(str(error))
            raise

    def broken() -> None:
        begun.wait(10)
        raise ValueError("broken")

    began = time.monotonic()
    with pytest.raises(ValueError, match="broken"):
        list(in_flight(spark, [broken, long, long], most=2, inheriting=plain))
    assert ended == ["interrupted"] and time.monotonic() - began < 10


def test_whoever_stops_listening_ends_the_jobs() -> None:
    spark: Any = Session()

    def jobs() -> Iterator[Callable[[], None]]:
        yield lambda: None
        yield lambda: spark.run(30)
        yield lambda: spark.run(30)

    results = in_flight(spark, jobs(), most=2, inheriting=plain)
    next(results)
    began = time.monotonic()
    results.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 10
