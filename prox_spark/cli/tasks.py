"""How far Spark is inside a step: its tasks, asked for now and then, where the session can tell."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from pyspark.errors import PySparkException

if TYPE_CHECKING:
    from pyspark import StatusTracker
    from pyspark.sql import SparkSession


@contextlib.contextmanager
def task_progress(spark: SparkSession, tell: Callable[[int, int], None], *, every: float = 1.0) -> Iterator[None]:
    """Call `tell(done, total)` with the tasks of Spark's running stages every few seconds, until the block ends.

    Over Spark Connect there is no status tracker, and nothing is told.
    """
    try:
        tracker = spark.sparkContext.statusTracker()
    except (PySparkException, AttributeError):
        yield
        return
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(every):
            with contextlib.suppress(Exception):  # a session that is about to end; progress must never stop a job
                done, total = running(tracker)
                if total:
                    tell(done, total)

    thread = threading.Thread(target=watch, name="prox-spark-progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=5)


def running(tracker: StatusTracker) -> tuple[int, int]:
    """Give the ended tasks and all tasks of the stages that run now."""
    stages = [tracker.getStageInfo(stage) for stage in tracker.getActiveStageIds()]
    known = [stage for stage in stages if stage is not None]
    return sum(stage.numCompletedTasks for stage in known), sum(stage.numTasks for stage in known)
