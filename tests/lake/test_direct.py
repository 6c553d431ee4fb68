"""A lake that is read without Spark tells what Spark tells, or nothing."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from prox_spark.audit.history import document, history
from prox_spark.audit.maintain import expiring
from prox_spark.audit.tags import tags
from prox_spark.errors import LakeError, UserError
from prox_spark.lake.direct import DirectLake, OnlySparkError
from prox_spark.lake.reading import Asked, ReadableLake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from prox_spark import Lake

KEPT = Path(__file__).parents[1] / "data" / "lake-0.1.0" / "lake"
pytest.importorskip("deltalake")
pytest.importorskip("duckdb")
pytest.importorskip("sqlglot")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a lake whose log was written at other times than it says, and once out of order, as a copy is."""
    copied = tmp_path / "lake"
    shutil.copytree(KEPT, copied)
    for number, seconds in enumerate((1_790_000_000.25, 1_790_000_100, 1_790_000_050)):
        os.utime(copied / "corpus" / "_delta_log" / f"{number:020}.json", (seconds, seconds))
    return copied


def test_it_lists_versions_tags_and_views(folder: Path) -> None:
    lake = DirectLake(str(folder))
    versions = history(lake)
    assert [version["name"] for version in versions] == [
        "ingest", "apply", "apply", "ingest", "apply", "apply", "restore",
    ]  # fmt: skip
    assert tags(lake) == {"first": 2}
    assert versions[0]["readable_until"] == "2036-09-18T14:13:20+00:00"  # ten years after the time of its file
    assert len(lake.rows("corpus", 0)) == len(lake.rows("corpus", 2)) == 8
    assert lake.rows("refined", asked=Asked("outcome = 'not_run'", "count(*) AS n")) == [{"n": 5}]


def test_a_later_version_is_never_earlier(folder: Path) -> None:
    moments = [change.at.timestamp() for change in DirectLake(str(folder)).changes("corpus")]
    assert moments[:3] == [1_790_000_000.25, 1_790_000_100, 1_790_000_100.001]


@pytest.mark.parametrize("location", ["s3://bucket/lake", "main.corpora"])
def test_what_is_no_folder_is_left_to_spark(location: str) -> None:
    with pytest.raises(OnlySparkError):
        DirectLake(location)


def test_no_lake_is_the_same_mistake_as_with_spark(tmp_path: Path) -> None:
    with pytest.raises(LakeError, match="there is no lake at"):
        DirectLake(str(tmp_path / "nothing"))


def test_a_table_with_other_columns_is_left_to_spark(folder: Path) -> None:
    first = folder / "quarantine" / "_delta_log" / f"{0:020}.json"
    first.write_text(first.read_text("utf-8").replace('\\"record_id\\"', '\\"other_id\\"'), "utf-8")
    with pytest.raises(OnlySparkError, match="record_id is missing"):
        DirectLake(str(folder))


def test_a_missing_file_is_left_to_spark(folder: Path) -> None:
    for file in (folder / "documents").rglob("*.parquet"):
        file.unlink()
    with pytest.raises(OnlySparkError):
        DirectLake(str(folder)).rows("documents")


QUESTIONS: dict[str, Callable[[ReadableLake], Any]] = {
    "history": history,
    "expiring": expiring,
    "tags": tags,
    "entries": lambda lake: sorted(lake.entries(), key=lambda entry: entry.run_id),
    "changes": lambda lake: lake.changes("corpus"),
    "versions": lambda lake: lake.versions("corpus"),
    "properties": lambda lake: lake.properties("corpus"),
    **{
        f"view {view}": lambda lake, view=view: sorted(json.dumps(row, default=str) for row in lake.rows(view))  # type: ignore[misc]
        for view in ("versions", "refined", "edits", "removed")
    },
}


@pytest.mark.spark
def test_every_question_has_the_answer_that_spark_gives(spark: SparkSession, folder: Path) -> None:
    from prox_spark import Lake

    in_spark, direct = Lake.open(spark, str(folder), reads=True), DirectLake(str(folder))
    for name, question in QUESTIONS.items():
        assert question(direct) == question(in_spark), name
    ids = [row["doc_id"] for row in direct.rows("documents", asked=Asked(order="doc_id"))]
    for doc_id in ids[:3]:
        assert json.dumps(document(direct, doc_id[:9]), default=str) == json.dumps(
            document(in_spark, doc_id[:9]), default=str
        )
    for lake in (in_spark, direct):
        with pytest.raises(UserError, match="there is no document 00000000"):
            document(lake, "00000000")
    _with_deletion_vectors(in_spark, ids[0])
    with pytest.raises(OnlySparkError, match=r"[Dd]eletion|reader"):
        direct.rows("documents")


def _with_deletion_vectors(lake: Lake, doc_id: str) -> None:
    name = lake.name("documents")
    lake.spark.sql(f"ALTER TABLE {name} SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
    lake.spark.sql(f"DELETE FROM {name} WHERE doc_id = '{doc_id}'")
