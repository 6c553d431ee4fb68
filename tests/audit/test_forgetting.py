"""A document that is forgotten at once is in no file any more, whatever the tables' properties are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from prox_spark import config as configuration
from prox_spark import pipeline
from prox_spark.audit import forget
from prox_spark.audit.history import history
from prox_spark.audit.maintain import vacuum
from prox_spark.audit.verify import verify
from prox_spark.lake.ddl import PROPERTIES
from prox_spark.lake.tables import Lake

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pyspark.sql import SparkSession

    from prox_spark.config import Config

VACUUM_COMMITS = 2
"""VACUUM writes its start and its end into the history, the newest two versions of the table."""

SECRET = "Ada Lovelace lives in 12 St James's Square"


@pytest.fixture
def written_plainly(spark: SparkSession) -> Iterator[None]:
    """Have Parquet keep texts as they are, so that a file can be searched for one."""
    key = "spark.sql.parquet.compression.codec"
    before = spark.conf.get(key) or "snappy"
    spark.conf.set(key, "uncompressed")
    yield
    spark.conf.set(key, before)


@pytest.fixture
def vacuum_is_not_logged(spark: SparkSession) -> Iterator[None]:
    """Have Delta leave VACUUM out of the history, as it does by itself on S3."""
    key = "spark.databricks.delta.vacuum.logging.enabled"
    spark.conf.set(key, "false")
    yield
    assert spark.conf.get(key) == "false"
    spark.conf.unset(key)


def lake_of(spark: SparkSession, folder: Path) -> Lake:
    pages = [f"Page {number} with some words.\n{'' if number else SECRET}." for number in range(8)]
    source = folder / "pages.jsonl"
    source.write_text("".join(f"{json.dumps({'text': page, 'url': page[:6]})}\n" for page in pages))
    lake = Lake.open(spark, str(folder / "lake"))
    settings = configuration.load().ingest
    pipeline.ingest(lake, "jsonl", [str(source)], snapshot="one", settings=settings)
    return lake


def files_with_it(lake: Lake) -> list[str]:
    found = (path for path in Path(lake.location).rglob("*") if path.is_file())
    return [str(path.relative_to(lake.location)) for path in found if SECRET.encode() in path.read_bytes()]


def marks_rows(lake: Lake) -> bool:
    commits = (Path(lake.location) / "documents" / "_delta_log").glob("*.json")
    return any('"deletionVector":{' in path.read_text(encoding="utf-8") for path in commits)


@pytest.mark.spark
def test_no_file_holds_a_document_that_was_forgotten_at_once(
    spark: SparkSession, tmp_path: Path, written_plainly: None, vacuum_is_not_logged: None
) -> None:
    lake = lake_of(spark, tmp_path)
    doc_id = lake.read("documents").where(f"contains(text, '{SECRET[:12]}')").first()["doc_id"]
    for table in ("documents", "corpus"):  # as some platforms do to every table
        spark.sql(f"ALTER TABLE {lake.name(table)} SET TBLPROPERTIES ('delta.enableDeletionVectors' = 'true')")
    forget.forget(lake, [doc_id])
    vacuum(lake, "documents", hours=0)
    assert marks_rows(lake) and files_with_it(lake)  # the newest version itself reads the file with the marked row
    forget.forget(lake, [doc_id], now=True)
    assert files_with_it(lake) == []
    assert lake.count("corpus") == lake.count("documents") == 7
    assert history(lake)[-1]["version"] == (lake.newest("corpus") or 0) - VACUUM_COMMITS


def edited_twice(spark: SparkSession, folder: Path) -> tuple[Lake, Config]:
    """Give a lake with two pages that are alike between two passes that edit, and only there; nothing is refined."""
    source, answers = folder / "pages.jsonl", folder / "answers.jsonl"
    pages = ({"text": f"Menu {name}\nIt rained.\nShare"} for name in "ab")
    source.write_text("".join(f"{json.dumps(page)}\n" for page in pages))
    program = {"Menu": "remove_lines(0, 0)", "Share": "remove_lines(1, 1)"}
    lines = ({"prompt_contains": word, "completion": completion} for word, completion in program.items())
    answers.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    passes = [{"name": name, "profile": "tiny-chunk"} for name in ("first", "second")]
    engine = ["engine.kind=scripted", f"engine.answers={json.dumps(str(answers))}"]
    settings = configuration.load(overrides=[f"passes={json.dumps(passes)}", *engine])
    lake = Lake.open(spark, str(folder / "lake"))
    pipeline.ingest(lake, "jsonl", [str(source)], snapshot="one", config=settings)
    return lake, settings


@pytest.mark.spark
def test_a_program_that_another_document_came_through_stays_when_one_is_forgotten(
    spark: SparkSession, tmp_path: Path
) -> None:
    lake, settings = edited_twice(spark, tmp_path)
    pipeline.run(lake, settings)
    forgotten = lake.read("documents").where("text LIKE 'Menu a%'").first()["doc_id"]
    assert forget.forget(lake, [forgotten]).programs == 1
    assert [row["text"] for row in lake.read("corpus").collect()] == ["It rained."]
    assert verify(lake).findings == ()
    assert lake.sql("SELECT count(DISTINCT doc_id) FROM edits").first()[0] == 1


@pytest.mark.spark
def test_a_text_that_no_version_held_is_forgotten_with_its_last_document(spark: SparkSession, tmp_path: Path) -> None:
    lake, settings = edited_twice(spark, tmp_path)
    for name in ("first", "second"):
        pipeline.refine(lake, name, config=settings)
    one, other = (row["doc_id"] for row in lake.read("documents").select("doc_id").collect())
    assert forget.forget(lake, [one]).programs == 1
    assert lake.count("programs") == 2  # of the other, and of the text that both came through
    pipeline.apply(lake, "second", config=settings)  # takes both passes at once
    assert forget.forget(lake, [other]).programs == 2
    assert lake.count("programs") == 0


def test_a_lake_is_made_without_deletion_vectors() -> None:
    assert PROPERTIES["delta.enableDeletionVectors"] == "false"
