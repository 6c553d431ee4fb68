"""How far a command is: the steps that it tells whoever listens, and what its workers do meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from prox_spark.spark.session import shares_disk
from prox_spark.spark.tally import Tally, watched

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True, slots=True)
class Step:
    """How far a command is.

    Attributes:
        stage: `ingest`, `publish`, `refine doc`, `apply doc`, …
        done: Documents (or texts) done so far.
        total: All of them; 0 while unknown.
        tokens: Prompt and output tokens so far.
        exact: False where the total is an estimate.
    """

    stage: str
    done: int
    total: int
    tokens: int = 0
    exact: bool = True


Progress = Callable[[Step], None]


def tell(progress: Progress | None, stage: str, done: int, total: int = 0, tokens: int = 0) -> None:
    """Pass a step on to whoever listens."""
    if progress is not None:
        progress(Step(stage, done, total, tokens))


def forward(progress: Progress | None) -> Progress | None:
    """Give a listener that hears of no step back.

    A task that is tried again counts anew, and what is committed is less than what the workers have done.
    """
    if progress is None:
        return None
    furthest = Step("", 0, 0)

    def tell_furthest(step: Step) -> None:
        nonlocal furthest
        if step.stage == furthest.stage:
            step = replace(step, done=max(step.done, furthest.done), tokens=max(step.tokens, furthest.tokens))
        furthest = step
        progress(step)

    return tell_furthest


@contextmanager
def live(spark: SparkSession, progress: Progress | None, begun: Step, size: int = 0) -> Iterator[Tally | None]:
    """Tell what the workers do beyond `begun` while jobs of theirs run, where they share a disk with this process.

    Args:
        spark: The session that the jobs run in.
        progress: Whoever listens.
        begun: What was done before.
        size: Bytes of the whole input, where nothing else says how much there is to do.

    Yields:
        What the workers count in; None where nobody listens or the workers are elsewhere.
    """
    if progress is None or not shares_disk(spark):
        yield None
        return

    def tell_sums(documents: int, tokens: int, read: int) -> None:
        done = begun.done + documents
        total = round(done * size / read) if 0 < read < size else begun.total
        if documents and (not total or done < total):  # the last step is told by the job's own count
            progress(Step(begun.stage, done, total, begun.tokens + tokens, exact=not size))

    with watched(tell_sums) as tally:
        yield tally
