"""Settings that hold for a block."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import pytest

from prox_spark.spark.settings import changed, described, is_classic

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Conf:
    """The settings of a session that refuses one of them, as a cluster may."""

    def __init__(self, **settings: str) -> None:
        self.settings = settings

    def get(self, key: str, default: str | None = None) -> str | None:
        return self.settings.get(key, default)

    def set(self, key: str, value: str) -> None:
        if key == "refused":
            raise ValueError(key)
        self.settings[key] = value

    def unset(self, key: str) -> None:
        self.settings.pop(key, None)


class Session:
    """A session of Spark Connect: settings, and no JVM."""

    def __init__(self, **settings: str) -> None:
        self.conf = Conf(**settings)


def session(**settings: str) -> SparkSession:
    return cast("SparkSession", Session(**settings))


def test_settings_hold_inside_the_block_and_are_put_back() -> None:
    spark = session(a="1")
    with changed(spark, {"a": "2", "b": "3"}):
        assert (spark.conf.get("a"), spark.conf.get("b")) == ("2", "3")
    assert (spark.conf.get("a"), spark.conf.get("b", None)) == ("1", None)


def test_settings_are_put_back_after_an_error_inside_and_after_one_that_is_refused() -> None:
    spark = session(a="1")
    with pytest.raises(RuntimeError), changed(spark, {"a": "2"}):
        raise RuntimeError
    with pytest.raises(ValueError, match="refused"), changed(spark, {"a": "2", "refused": "3"}):
        pass
    assert spark.conf.get("a") == "1"


class Context:
    """A Spark context that remembers its local properties."""

    def __init__(self) -> None:
        self.properties: dict[str, str | None] = {}

    def getLocalProperty(self, key: str) -> str | None:  # noqa: N802 - pyspark's name
        return self.properties.get(key)

    def setLocalProperty(self, key: str, value: str | None) -> None:  # noqa: N802 - pyspark's name
        self.properties[key] = value


def test_sparks_ui_names_the_command_behind_the_jobs_of_a_block() -> None:
    classic = Session()
    classic._jvm = None  # type: ignore[attr-defined]  # by it a classic session is known
    classic.sparkContext = context = Context()  # type: ignore[attr-defined]
    key = "spark.job.description"
    with described(cast("SparkSession", classic), "prox_spark apply"):
        assert context.properties[key] == "prox_spark apply"
    assert context.properties[key] is None
    with described(session(), "over Connect there is none"):
        pass


def test_a_session_without_a_jvm_is_not_classic() -> None:
    assert not is_classic(session())
