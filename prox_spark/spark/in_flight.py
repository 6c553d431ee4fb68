"""Spark jobs that are in flight together, each begun by a thread of the driver."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any, TypeVar

from pyspark import inheritable_thread_target

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Result = TypeVar("Result")


def in_flight(
    spark: SparkSession,
    jobs: Iterable[Callable[[], Result]],
    *,
    most: int,
    inheriting: Callable[..., Any] = inheritable_thread_target,
) -> Iterator[Result]:
    """Run jobs, at most `most` at a time, and give their results in order.

    The next job begins while results are waited for, so that it has work for whoever the one before leaves idle. One
    alone runs in the caller's thread. When a job fails, or the caller stops, the others are interrupted and waited for.

    Args:
        spark: The session that they run in.
        jobs: Each runs Spark jobs and gives a result.
        most: How many run at the same time.
        inheriting: Gives, for a session, what gives a job of another thread the properties of this thread: its job
            group, by which a notebook cancels what a cell has begun, and its scheduler pool.
    """
    if most == 1:
        for job in jobs:
            yield job()
        return
    tag = f"prox-spark-{secrets.token_hex(4)}"
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(most, thread_name_prefix="prox-spark-job") as pool:
        try:
            for job in jobs:
                pending.append(pool.submit(inheriting(spark)(_tagged(spark, job, tag))))
                if len(pending) == most:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        except BaseException:
            _interrupt(spark, tag, pending)
            raise


def _interrupt(spark: SparkSession, tag: str, pending: deque[Future[Result]]) -> None:
    """End jobs; one that is between two Spark jobs is interrupted again until it has ended."""
    while pending:
        pending[-1].cancel()
        spark.interruptTag(tag)
        if _ended(pending[-1]):
            pending.pop()


def _ended(future: Future[Result]) -> bool:
    return bool(wait([future], timeout=0.5).done)


def _tagged(spark: SparkSession, job: Callable[[], Result], tag: str) -> Callable[[], Result]:
    """Give a job a tag by which it is interrupted."""

    def tagged() -> Result:
        spark.addTag(tag)
        try:
            return job()
        finally:
            spark.removeTag(tag)

    return tagged
