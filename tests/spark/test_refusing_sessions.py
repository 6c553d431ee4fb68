"""Sessions that refuse: settings that they do not know, a cache that they do not have; observations that never come."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

import pytest
from pyspark.errors import PySparkException

from prox_spark.errors import RunError
from prox_spark.spark.gpus import engines_of
from prox_spark.spark.settings import as_rows, changed, kept, observed, observed_if_told, sets, value_of


class Refusing:
    """A session of serverless compute: it knows a few settings, and refuses all others."""

    def __init__(self) -> None:
        self.conf = self
        self.known = {"spark.sql.session.timeZone": "UTC"}

    def get(self, key: str, default: str | None = None) -> str | None:
        self._check(key)
        return self.known.get(key, default)

    def set(self, key: str, value: str) -> None:
        self._check(key)
        self.known[key] = value

    def unset(self, key: str) -> None:
        self._check(key)
        del self.known[key]

    def _check(self, key: str) -> None:
        if key not in self.known:
            raise PySparkException(
                f"[CONFIG_NOT_AVAILABLE] Configuration {key} is not available.",
                errorClass="CONFIG_NOT_AVAILABLE",
                messageParameters={"config": key},
            )


class Uncached:
    """A frame of a session without a cache."""

    def localCheckpoint(self) -> None:  # noqa: N802 - pyspark's name
        self.persist()

    def persist(self) -> None:
        raise PySparkException(
            "[NOT_SUPPORTED_WITH_SERVERLESS] PERSIST TABLE is not supported on serverless compute.",
            errorClass="NOT_SUPPORTED_WITH_SERVERLESS",
            messageParameters={},
        )


def test_a_setting_that_a_session_refuses_has_no_value_and_is_not_set() -> None:
    session: Any = Refusing()
    assert value_of(session, "spark.sql.session.timeZone") == "UTC"
    assert value_of(session, "spark.databricks.delta.x") is None
    assert not sets(session, "spark.databricks.delta.x", "1")


def test_what_is_not_needed_is_left_out_and_the_rest_is_put_back() -> None:
    session: Any = Refusing()
    wanted = {"spark.sql.session.timeZone": "CET", "spark.databricks.delta.x": "1"}
    with changed(session, wanted, needed=False):
        assert session.known == {"spark.sql.session.timeZone": "CET"}
    assert session.known == {"spark.sql.session.timeZone": "UTC"}


def test_what_is_needed_is_refused_by_its_name() -> None:
    session: Any = Refusing()
    with (
        pytest.raises(RunError, match=r"spark\.databricks\.delta\.x"),
        changed(session, {"spark.databricks.delta.x": "1"}),
    ):
        pytest.fail("the block must not run")


def test_rows_are_computed_again_where_there_is_no_cache() -> None:
    frame: Any = Uncached()
    done = []
    with kept(frame):
        done.append(True)
    assert done
    assert as_rows(frame) is frame


def test_an_observation_that_never_comes_ends_in_one_line() -> None:
    class Never:
        ended = threading.Event()

        @property
        def get(self) -> dict[str, int]:
            self.ended.wait()
            return {}

    observation: Any = Never()
    with pytest.raises(RunError, match="it is written"):
        observed(observation, seconds=0.05)
    assert observed_if_told(observation, seconds=0.05) is None
    observation.ended.set()


def test_an_observation_is_given_as_it_is() -> None:
    class Told:
        get: ClassVar = {"texts": 3}

    observation: Any = Told()
    assert observed(observation) == {"texts": 3}


@pytest.mark.parametrize(
    ("slots", "executors", "cores", "gpus", "expected"),
    [
        (64, 4, 0, 1, (4, 16)),
        (64, 4, 16, 1, (4, 16)),
        (64, 0, 16, 1, (4, 16)),
        (64, 2, 32, 2, (4, 16)),
        (2, 0, 0, 0, (2, 1)),
        (1, 3, 8, 1, (3, 8)),
    ],
    ids=["Databricks tells no cores", "all told", "none there yet", "two GPUs", "nothing told", "still starting"],
)
def test_engines_are_counted_by_executors(
    slots: int, executors: int, cores: int, gpus: int, expected: tuple[int, int]
) -> None:
    assert engines_of(slots, executors=executors, cores=cores, gpus=gpus) == expected
