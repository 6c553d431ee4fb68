"""The queries that are asked of DuckDB have the answer that Spark gives; all others are left to Spark."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("deltalake")
pytest.importorskip("duckdb")
pytest.importorskip("sqlglot")

from prox_spark.cli import queries
from prox_spark.lake.direct import DirectLake, OnlySparkError
from prox_spark.lake.proven import proven

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

KEPT = Path(__file__).parents[1] / "data" / "lake-0.1.0" / "lake"

SAME = (
    "SELECT count(*) FROM corpus",
    "select count(*) as n from corpus version as of 0;",
    "SELECT count(url), count(DISTINCT source), sum(words_after), min(url), max(words_before) FROM corpus",
    "SELECT outcome, count(*) FROM corpus GROUP BY outcome",
    "SELECT op, status, count(*) AS operations, sum(words_removed) AS words FROM edits GROUP BY ALL",
    "SELECT version, name, pass_name, kept, edited, dropped, tags FROM versions ORDER BY version DESC",
    "SELECT version, name, pass_name, kept, edited, dropped, not_run FROM versions ORDER BY version",
    "SELECT doc_id, url, text, metadata FROM documents ORDER BY doc_id",
    "SELECT doc_id, reason FROM corpus WHERE outcome = 'dropped' AND NOT reason IS NULL ORDER BY doc_id LIMIT 2",
    "SELECT count(*) FROM refined WHERE words_after BETWEEN 100 AND 400 OR url LIKE 'https://%o_g/%'",
    "SELECT count(*) AS n FROM removed WHERE text <> 'Blog' AND op IN ('remove_lines', 'normalize')",
    "SELECT max(corpus_version) FROM runs WHERE command >= 'b'",
    "SELECT reason, count(*) AS n FROM quarantine GROUP BY reason",
)

OTHERS = (
    "SELECT * FROM corpus LIMIT 5",
    "SELECT url FROM corpus",
    "SELECT avg(words_after) FROM corpus",
    "SELECT words_after / 2 FROM corpus ORDER BY doc_id",
    "SELECT upper(url) AS u FROM corpus ORDER BY u",
    "SELECT count(*) FROM corpus WHERE words_after = '7'",
    "SELECT count(*) FROM corpus WHERE url = 7",
    "SELECT count(*) FROM corpus WHERE url LIKE 'a\\\\_b'",
    "SELECT count(*) FROM corpus WHERE url = 'it''s'",
    "SELECT count(*) FROM corpus, documents",
    "SELECT count(*) FROM corpus AS c",
    "SELECT count(*) FROM (SELECT * FROM corpus) t",
    "SELECT count(*) FROM nowhere",
    "SELECT count(*) FROM duplicates",
    "SELECT count(*) FROM corpus VERSION AS OF 99",
    "SELECT count(*) FROM corpus TIMESTAMP AS OF '2026-01-01'",
    "SELECT outcome AS url, count(*) FROM corpus GROUP BY outcome",
    "SELECT outcome, count(*) FROM corpus GROUP BY outcome HAVING count(*) > 1",
    "SELECT DISTINCT outcome FROM corpus ORDER BY outcome",
    "SELECT outcome, count(*) FROM corpus",
    "SELECT source, doc_id FROM corpus ORDER BY source",
    "SELECT run_id, started_at FROM runs ORDER BY run_id",
    "SELECT count(*) FROM read_csv('/etc/passwd')",
    "INSERT INTO corpus SELECT * FROM corpus",
    "DROP TABLE corpus",
    "SELECT count(*) FROM corpus; DROP TABLE corpus",
    "nonsense",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    copied = tmp_path_factory.mktemp("proven") / "lake"
    shutil.copytree(KEPT, copied)
    return copied


@pytest.mark.parametrize("query", OTHERS)
def test_what_might_differ_is_left_to_spark(query: str, folder: Path) -> None:
    with pytest.raises(OnlySparkError):
        queries.ask_directly(DirectLake(str(folder)), query, shown=None)


def test_groups_without_an_order_are_shown_whole_or_not_at_all(folder: Path) -> None:
    lake, query = DirectLake(str(folder)), "SELECT outcome, count(*) FROM corpus GROUP BY outcome"
    assert len(list(queries.ask_directly(lake, query, shown=4).rows)) == 4
    with pytest.raises(OnlySparkError, match="they have no order"):
        queries.ask_directly(lake, query, shown=3)


def test_rows_that_are_alike_at_a_limit_have_no_order() -> None:
    known = proven("SELECT doc_id FROM corpus ORDER BY doc_id LIMIT 5", lambda table, version: {"doc_id": "text"})
    assert (known.limit, known.keys) == (5, (0,))
    assert known.query.args["limit"].expression.name == "6"


def test_characters_that_json_escapes_are_escaped_as_spark_does() -> None:
    row = queries._json_row(("t", "n"), ('a\x1f\t"\\u001f/\u2028é', None))
    assert row == '{"t":"a\\u001F\\t\\"\\\\u001f/\u2028é","n":null}'


@pytest.mark.spark
def test_every_proven_query_has_the_answer_that_spark_gives(spark: SparkSession, folder: Path) -> None:
    from prox_spark import Lake

    in_spark, direct = Lake.open(spark, str(folder), reads=True), DirectLake(str(folder))
    left_to_spark = []
    for query in SAME:
        try:
            answer = queries.ask_directly(direct, query, shown=None)
        except OnlySparkError:
            left_to_spark.append(query)
            continue
        expected = queries.ask(in_spark, query)
        assert answer.columns == expected.columns, query
        rows, others = list(answer.rows), list(expected.rows)
        assert (rows if "ORDER" in query else sorted(rows)) == (others if "ORDER" in query else sorted(others)), query
    assert left_to_spark == [query for query in SAME if "tags" in query]  # lists are written by Spark
