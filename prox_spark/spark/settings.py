"""What a session is and how it is set: classic or Connect, settings for a while."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pyspark.errors import PySparkException

from prox_spark.errors import RunError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Observation, SparkSession

REFUSED = ("CONFIG_NOT_AVAILABLE", "CANNOT_MODIFY_CONFIG", "NOT_SUPPORTED_WITH_SERVERLESS")
"""Conditions of a session that knows or changes no such setting, as serverless compute, or has no cache."""

OBSERVED_SECONDS = 300.0
"""Spark tells what it has observed as soon as the job has ended; where the write was planned anew, it never does."""


def is_classic(spark: SparkSession) -> bool:
    """Say whether the session drives a JVM beside this process, and not one behind Spark Connect."""
    return hasattr(spark, "_jvm")


def value_of(spark: SparkSession, key: str, default: str | None = None) -> str | None:
    """Give a setting of the session; `default` where it has no value, None where the session does not know it."""
    try:
        return spark.conf.get(key, default)
    except PySparkException as error:
        if error.getCondition() not in REFUSED:
            raise
        return None


def sets(spark: SparkSession, key: str, value: str) -> bool:
    """Set a setting, and say whether the session let it be set."""
    try:
        spark.conf.set(key, value)
    except PySparkException as error:
        if error.getCondition() not in REFUSED:
            raise
        return False
    return True


@contextmanager
def changed(spark: SparkSession, settings: Mapping[str, str], *, needed: bool = True) -> Iterator[None]:
    """Set some settings inside the block; afterwards each has its old value, or none.

    Args:
        spark: The session.
        settings: Values by name.
        needed: False goes on where the session refuses them, as serverless compute does.

    Raises:
        RunError: The session refuses a needed one.
    """
    before: dict[str, str | None] = {}
    try:
        for key, value in settings.items():
            old = value_of(spark, key)
            if sets(spark, key, value):
                before[key] = old
            elif needed:
                raise RunError(f"this session does not let {key} be set: run the command on a cluster")
        yield
    finally:
        for key, old in before.items():
            if old is None:
                spark.conf.unset(key)
            else:
                spark.conf.set(key, old)


@contextmanager
def kept(frame: DataFrame) -> Iterator[None]:
    """Keep the rows of a frame inside the block; where there is no cache, as on serverless, they are computed again."""
    try:
        frame.persist()
    except PySparkException as error:
        if error.getCondition() not in REFUSED:
            raise
        yield
        return
    try:
        yield
    finally:
        frame.unpersist()


def as_rows(frame: DataFrame) -> DataFrame:
    """Compute a frame once and give its rows as a frame; the frame itself where there are no checkpoints."""
    try:
        return frame.localCheckpoint()
    except PySparkException as error:
        if error.getCondition() not in REFUSED:
            raise
        return frame


@contextmanager
def described(spark: SparkSession, text: str) -> Iterator[None]:
    """Have Spark's UI show a text for the jobs of the block, instead of the line of code that started them."""
    if not is_classic(spark):
        yield
        return
    key = "spark.job.description"
    before = spark.sparkContext.getLocalProperty(key)
    spark.sparkContext.setLocalProperty(key, text)
    try:
        yield
    finally:
        spark.sparkContext.setLocalProperty(key, before)  # type: ignore[arg-type]  # None takes it away


def observed(observation: Observation, seconds: float = OBSERVED_SECONDS) -> dict[str, Any]:
    """Give what an observation has counted, waiting for it no longer than a bound.

    Raises:
        RunError: Spark told nothing; what was written stays, and the next command goes on from there.
    """
    counts = observed_if_told(observation, seconds)
    if counts is None:
        raise RunError("Spark did not tell what it wrote; it is written, and the same command goes on from there")
    return counts


def observed_if_told(observation: Observation, seconds: float = OBSERVED_SECONDS) -> dict[str, Any] | None:
    """Give what an observation has counted; None where Spark does not tell it.

    It does not where a write is planned anew: an overwrite by `saveAsTable` observes nothing, and `get` then fails in
    the JVM, or waits for ever.
    """
    told: list[dict[str, Any]] = []

    def ask() -> None:
        with contextlib.suppress(Exception):
            told.append(observation.get)

    thread = threading.Thread(target=ask, name="prox-spark-observed", daemon=True)
    thread.start()
    thread.join(seconds)
    return told[0] if told else None
