"""What later commands read off the rows of earlier ones, from entries that stand for a lake."""

from __future__ import annotations

import getpass
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import pytest
from pyspark.errors import AnalysisException

from prox_spark.lake import ledger
from prox_spark.lake.ledger import Run
from prox_spark.lake.lineage import Entry
from prox_spark.passes import Chain

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from prox_spark.lake.tables import Lake

DOC = Chain(('{"name": "doc"}',))


class Entries:
    """A lake of which nothing is asked but what its `runs` say."""

    def __init__(self, *entries: Entry, seen: Sequence[Entry] = ()) -> None:
        self._entries = entries
        self.seen = list(seen)

    def entries(self) -> tuple[Entry, ...]:
        return self._entries


def lake(*entries: Entry, seen: Sequence[Entry] = ()) -> Lake:
    return cast("Lake", Entries(*entries, seen=seen))


def test_the_shards_are_those_of_the_first_ingest_whatever_later_ones_were_told() -> None:
    first = Entry("20260101-ingest", "ingest", 0, conf={"shards": 8})
    later = Entry("20260201-ingest", "ingest", 3, conf={"shards": 1024})
    assert ledger.shards(lake(later, first), default=64) == 8


def test_a_lake_without_an_ingest_or_with_one_that_did_not_say_has_the_default() -> None:
    assert ledger.shards(lake(), default=64) == 64
    healed = Entry("20260101-ingest", "ingest", 0)
    assert ledger.shards(lake(healed), default=64) == 64


def test_chains_are_those_of_runs_that_published() -> None:
    published, empty = Entry("1", "apply", 1, DOC), Entry("2", "ingest")
    assert ledger.chains(lake(published, empty, Entry("3", "ingest", 0))) == {"1": DOC, "3": Chain()}


def test_what_was_read_of_a_version_is_not_read_again_and_of_a_later_one_it_is() -> None:
    first, second = Entry("1", "ingest", 0), Entry("2", "apply", 1, DOC)
    assert ledger.chains(lake(first, second, seen=[first]), 0) == {"1": Chain()}
    assert ledger.chains(lake(first, second, seen=[first]), 1) == {"1": Chain(), "2": DOC}
    assert ledger.chains(lake(first, second, seen=[first])) == {"1": Chain(), "2": DOC}


def test_ids_of_runs_sort_by_time_and_say_the_command() -> None:
    run = Run.start("refine", pass_name="doc")
    assert re.fullmatch(r"\d{8}T\d{6}-refine-[0-9a-f]{6}", run.run_id)
    assert run.run_id != Run.start("refine").run_id


def test_a_commit_says_what_heal_needs_to_enter_its_run() -> None:
    run = Run.start("apply", pass_name="doc", conf='{"a": 1}', passes=DOC)
    commit = run.commit(2)
    assert (commit.run_id, commit.command, commit.pass_name) == (run.run_id, "apply", "doc")
    assert (commit.wave, commit.passes, commit.conf) == (2, DOC, '{"a": 1}')


class Platform:
    """A session of a platform that knows its users, or cannot say who they are."""

    def __init__(self, name: str | None) -> None:
        self._name = name

    def sql(self, statement: str) -> Platform:
        assert statement == "SELECT current_user()"
        if self._name is None:
            raise AnalysisException("there is no function current_user")
        return self

    def collect(self) -> list[tuple[str | None]]:
        return [(self._name,)]


@pytest.mark.parametrize(("told", "expected"), [("ada@example.com", "ada@example.com"), (None, getpass.getuser())])
def test_on_a_platform_a_run_is_by_its_user_and_not_by_root(
    told: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABRICKS_RUNTIME_VERSION", "18.0")
    assert ledger.user(cast("SparkSession", Platform(told))) == expected


def test_on_a_machine_of_ones_own_spark_is_not_asked_who_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DATABRICKS_RUNTIME_VERSION", "SPARK_REMOTE", "PYSPARK_GATEWAY_PORT"):
        monkeypatch.delenv(variable, raising=False)
    assert ledger.user(cast("SparkSession", None)) == getpass.getuser()
