"""Spark's own tasks as progress: told while they run, and nowhere in the way."""

from __future__ import annotations

import pytest
from pyspark.errors import PySparkAttributeError
from pyspark.sql import SparkSession

from prox_spark.cli.tasks import task_progress

pytestmark = pytest.mark.spark


def test_tasks_are_told_while_a_job_runs(spark: SparkSession) -> None:
    told: list[tuple[int, int]] = []
    with task_progress(spark, lambda done, total: told.append((done, total)), every=0.05):
        slow = spark.range(0, 4, 1, 4).selectExpr("reflect('java.lang.Thread', 'sleep', 300L)")
        slow.write.format("noop").mode("overwrite").save()
    assert told
    assert all(0 <= done <= total == 4 for done, total in told)


def test_a_session_that_cannot_tell_is_left_alone() -> None:
    class Remote:
        @property
        def sparkContext(self) -> object:  # noqa: N802
            raise PySparkAttributeError("not supported over Spark Connect")

    with task_progress(Remote(), lambda done, total: None):  # type: ignore[arg-type]
        pass
