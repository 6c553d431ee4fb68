"""A lake that version 0.1.0 wrote, kept in tests/data: it opens, tells what it told, and goes on without a model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.lake_contents import contents

from prox_spark import Lake, run
from prox_spark.audit.history import document, history
from prox_spark.audit.verify import verify
from prox_spark.config import load

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark

KEPT = Path(__file__).parents[1] / "data" / "lake-0.1.0"


@pytest.fixture(scope="module")
def expected() -> dict[str, Any]:
    return dict(json.loads((KEPT / "expected.json").read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def lake(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Open a copy, in a place where the lake has never been."""
    place = tmp_path_factory.mktemp("before") / "lake"
    shutil.copytree(KEPT / "lake", place)
    return Lake.open(spark, str(place), create=False)


def test_its_versions_texts_and_operations_are_those_that_it_was_left_with(
    lake: Lake, expected: dict[str, Any]
) -> None:
    assert contents(lake) == expected["before"]
    assert [version["version"] for version in history(lake)] == [0, 1, 2, 3, 4, 5, 6]


def test_a_document_tells_the_life_that_it_had(lake: Lake, expected: dict[str, Any]) -> None:
    edited = next(key for key, fate in expected["before"]["documents"]["2"].items() if fate.startswith("edited"))
    life = document(lake, edited[:12])
    assert [version["outcome"] for version in life["versions"]] == ["not_run", "kept", "edited"]
    assert {program["pass_name"] for program in life["programs"]} == {"doc", "chunk"}


def test_every_version_verifies(lake: Lake) -> None:
    assert all(verify(lake, version).ok for version in (2, 5, 6))


def test_a_run_goes_on_where_it_was_restored_and_generates_nothing(lake: Lake, expected: dict[str, Any]) -> None:
    summaries = run(lake, load([KEPT / "conf.yaml"]))
    assert [refined.texts for refined, _ in summaries] == [0, 0]
    assert lake.count("programs") == expected["programs"]
    assert contents(lake) == expected["after"]
