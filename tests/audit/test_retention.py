"""Until when a version can be read follows from Delta's history."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from prox_spark.audit.forget import read_ids
from prox_spark.audit.retention import Retention
from prox_spark.errors import UserError
from prox_spark.lake.commits import Change

NOW = datetime.now(timezone.utc)


def days(number: float) -> datetime:
    return NOW - timedelta(days=number)


def kept(*changes: tuple[float, str, dict[str, str]], log: int = 30, files: int = 7) -> Retention:
    made = (Change(number, days(age), name, parameters) for number, (age, name, parameters) in enumerate(changes))
    return Retention(tuple(made), timedelta(days=log), timedelta(days=files))


def test_a_version_is_kept_for_the_retention_after_the_next_one_replaced_it() -> None:
    table = kept((20, "WRITE", {}), (5, "WRITE", {}), (1, "WRITE", {}))
    assert table.until(0) == days(5) + timedelta(days=7)
    assert table.until(2) is None
    assert table.readable([0, 1, 2]) == [0, 1, 2]


def test_the_log_may_end_before_the_files_do() -> None:
    assert kept((29, "WRITE", {}), (1, "WRITE", {})).until(0) == days(29) + timedelta(days=30)


def test_a_vacuum_takes_what_was_replaced_before_its_threshold() -> None:
    vacuum = {"defaultRetentionMillis": str(3 * 86_400_000)}
    table = kept((20, "WRITE", {}), (5, "WRITE", {}), (2, "WRITE", {}), (1, "VACUUM START", vacuum))
    assert table.until(0) == days(1)
    assert table.readable([0, 1, 2]) == [1, 2]
    assert table.until(2) is None  # the VACUUM replaced nothing


def test_a_version_whose_log_is_gone_is_gone() -> None:
    table = Retention((Change(7, days(1), "WRITE", {}),), timedelta(days=30), timedelta(days=7))
    assert not table.is_readable(3)


def test_ids_are_checked_line_by_line() -> None:
    assert read_ids(["a" * 64, "", "a" * 64, "# note"]) == ("a" * 64,)
    with pytest.raises(UserError, match="line 2 is no document id"):
        read_ids(["a" * 64, "A" * 64])
    with pytest.raises(UserError, match="no ids"):
        read_ids(["# nothing"])
