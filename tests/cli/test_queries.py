"""SQL of a user: rows as JSON, mistakes as one line."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from py4j.protocol import Py4JNetworkError

from prox_spark.cli import main
from prox_spark.cli.invocation import Invocation
from prox_spark.cli.queries import ask, distinct
from prox_spark.config import load
from prox_spark.errors import UserError
from prox_spark.lake.tables import Lake

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

pytestmark = pytest.mark.spark


@pytest.fixture(scope="module")
def lake(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Lake:
    return Lake.open(spark, str(Path(tmp_path_factory.mktemp("queries")) / "lake"))


def rows(lake: Lake, query: str) -> list[dict[str, Any]]:
    return [json.loads(row) for row in ask(lake, query).rows]


def test_values_of_every_type_have_a_form_in_json(lake: Lake) -> None:
    query = """
        SELECT 9007199254740993 AS big, 1.5D AS half, true AS yes, NULL AS nothing, 'a\\n"ü😀' AS text,
               X'ff00' AS raw, TIMESTAMP '2025-01-02 03:04:05' AS at, DATE '2025-01-02' AS day,
               array(named_struct('x', 1, 'y', CAST(NULL AS STRING))) AS nested, map('k', 1) AS pairs
    """
    assert rows(lake, query) == [
        {
            "big": 9007199254740993,
            "half": 1.5,
            "yes": True,
            "nothing": None,
            "text": 'a\n"ü😀',
            "raw": "/wA=",
            "at": "2025-01-02T03:04:05.000Z",
            "day": "2025-01-02",
            "nested": [{"x": 1, "y": None}],
            "pairs": {"k": 1},
        }
    ]


def test_columns_of_one_name_are_told_apart(lake: Lake) -> None:
    assert rows(lake, "SELECT 1 AS a, 2 AS a, 3 AS `b.c`") == [{"a": 1, "a_2": 2, "b.c": 3}]
    assert distinct(["a", "a", "a_2"]) == ("a", "a_2", "a_2_2")


def test_the_order_of_a_query_is_kept(lake: Lake) -> None:
    query = "SELECT id FROM range(1000) ORDER BY id DESC"
    assert [row["id"] for row in rows(lake, query)] == list(range(999, -1, -1))


def test_tables_go_by_their_plain_names_and_a_semicolon_at_the_end_is_fine(lake: Lake) -> None:
    assert rows(lake, "SELECT count(*) AS n FROM documents;\n") == [{"n": 0}]
    assert "documents" in {row["tableName"] for row in rows(lake, "SHOW TABLES")}


def test_a_query_without_rows_has_columns(lake: Lake) -> None:
    answer = ask(lake, "SELECT doc_id, url FROM documents")
    assert answer.columns == ("doc_id", "url")
    assert list(answer.rows) == []


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("SELEC 1", "PARSE_SYNTAX_ERROR"),
        ("SELECT 1; SELECT 2", "PARSE_SYNTAX_ERROR"),
        ("SELECT * FROM no_such_table", "no_such_table"),
        ("SELECT no_such_column FROM documents", "no_such_column"),
        ("SELECT count(*) FROM documents VERSION AS OF 99", "99"),
        ("SELECT 1 / 0", "DIVIDE_BY_ZERO"),
        ("SELECT CAST(doc AS INT) FROM VALUES ('x') AS t(doc)", "CAST_INVALID_INPUT"),
        ("SELECT to_date('2025-13-45', 'yyyy-MM-dd')", "CANNOT_PARSE_TIMESTAMP"),
        ("SELECT element_at(array(1), 5)", "INVALID_ARRAY_INDEX"),
    ],
)
def test_a_mistake_in_a_query_is_one_line(lake: Lake, query: str, says: str) -> None:
    with pytest.raises(UserError) as caught:
        list(ask(lake, query).rows)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_mistake_that_only_a_late_row_shows_is_still_one_line(lake: Lake) -> None:
    answer = ask(lake, "SELECT 10 / (id - 5000) AS x FROM range(0, 10000, 1, 4)")
    with pytest.raises(UserError, match="DIVIDE_BY_ZERO"):
        list(answer.rows)


def test_an_interrupt_stops_the_jobs_and_leaves_the_session_in_order(
    lake: Lake, spark: SparkSession, capsys: pytest.CaptureFixture[str]
) -> None:
    endless = "SELECT sum(hash(a.id, b.id)) AS s FROM range(10000000) AS a CROSS JOIN range(1000000) AS b"
    jobs = spark.sparkContext.statusTracker()
    handler = signal.getsignal(signal.SIGINT)

    def press() -> None:
        seen: set[int] = set()
        while not over.wait(1.0):  # a job that is there for longer than a second is the endless one
            now = set(jobs.getActiveJobsIds())
            if seen & now:
                os.kill(os.getpid(), signal.SIGINT)
                return
            seen = now

    over = threading.Event()
    thread = threading.Thread(target=press)
    thread.start()
    try:
        assert main(["sql", endless, "--json", "--lake", lake.location]) == 130
    finally:
        over.set()
        thread.join()
        late = time.monotonic() + 30  # a task that is told to end does so at its next row
        while (left := list(jobs.getActiveJobsIds())) and time.monotonic() < late:
            time.sleep(0.1)
        spark.sparkContext.cancelAllJobs()  # so that a failure here stays one
    assert "interrupted" in capsys.readouterr().err
    assert signal.getsignal(signal.SIGINT) == handler
    assert spark.range(3).count() == 3
    assert left == []


def test_an_interrupt_that_cut_a_call_to_the_jvm_is_one_too(lake: Lake) -> None:
    def cut() -> None:
        with Invocation(quiet=True).open(load(overrides=[f"lake={json.dumps(lake.location)}"])):
            try:
                raise KeyboardInterrupt
            finally:
                raise Py4JNetworkError("Answer from Java side is empty")

    with pytest.raises(KeyboardInterrupt):
        cut()
