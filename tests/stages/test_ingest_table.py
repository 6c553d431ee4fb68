"""Rows of a table or view become documents, each once, and bad rows go to quarantine."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from prox_spark import config as configuration
from prox_spark import pipeline
from prox_spark.errors import SourceError
from prox_spark.lake.tables import Lake
from prox_spark.sources import adapter
from prox_spark.spark.rows import json_rows

pytestmark = pytest.mark.spark

ROWS = "(1, 'https://a.example/1', 'One \"page\" ä\\n中', 3), (2, NULL, 'Another page', NULL), (3, 'u', NULL, 5)"


def test_rows_are_taken_up_once_and_bad_ones_are_told_of(spark: SparkSession, tmp_path: Path) -> None:
    spark.sql(f"SELECT * FROM VALUES {ROWS} AS t(page_id, address, body, rank)").createOrReplaceTempView("landed")
    config = configuration.load(
        overrides=["ingest.text_column=body", "ingest.url_column=address", "ingest.id_column=page_id"]
    )
    lake = Lake.open(spark, str(tmp_path / "lake"))
    first = pipeline.ingest(lake, "table", ["landed"], snapshot="today", config=config)
    assert (first.records, first.documents, first.quarantined) == (3, 2, 1)
    rows = {row["url"]: row for row in lake.read("documents").collect()}
    assert rows["https://a.example/1"]["text"] == 'One "page" ä\n中'
    assert rows["https://a.example/1"]["metadata"] == '{"page_id":1,"rank":3}'
    assert {(row["source"], row["source_file"], row["snapshot"]) for row in rows.values()} == {
        ("table", "landed", "today")
    }
    spark.sql(
        f"SELECT * FROM VALUES {ROWS}, (4, NULL, 'New since then', 1) AS t(page_id, address, body, rank)"
    ).createOrReplaceTempView("landed")
    second = pipeline.ingest(lake, "table", ["landed"], snapshot="today", config=config)
    assert (second.records, second.documents, second.duplicates, second.quarantined) == (4, 1, 2, 1)
    assert lake.count("quarantine") == 1  # the same bad row is the same record
    with pytest.raises(SourceError, match="there is no such table or view"):
        json_rows(spark, adapter("table", config.ingest), "nobody.has.it")
    other = configuration.load(overrides=["ingest.text_column=words"]).ingest
    with pytest.raises(SourceError, match="landed has no column words; it has page_id, address, body, rank"):
        json_rows(spark, adapter("table", other), "landed")
