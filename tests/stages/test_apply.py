"""Rows of a few documents through one pass, without a lake: who takes it, who stays, and what an error leaves."""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
from support.executions import chunk_row

from prox_spark.chunks import WordTokenizer, chunk
from prox_spark.lake import schema
from prox_spark.lake.rows import predicate, unrefined
from prox_spark.passes import PastPass
from prox_spark.program import Policy, chunk_program
from prox_spark.stages.apply import PASSES_DONE, apply, first_programs

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

pytestmark = pytest.mark.spark

CHUNK = PastPass("chunk", "f" * 64, "chunk", Policy())
TEXTS = {
    "edited": "Menu\nA paragraph that stays.",
    "kept": "Nothing wrong here.",
    "dropped": "Login\nLogin",
    "failed": "The engine died of this.",
    "no program": "Nobody asked about this one.",
    "other pass": "Only another pass has a program for this.",
}
PROGRAMS = {"edited": "remove_lines(0, 0)", "kept": "keep_all()", "dropped": "remove_lines(0, 1)", "failed": None}
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


def sha256(name: str) -> str:
    return hashlib.sha256(TEXTS[name].encode()).hexdigest()


def documents(spark: SparkSession) -> DataFrame:
    rows = [
        {"doc_id": name, "source": "c4", "snapshot": "en", "text": text, "text_sha256": sha256(name), "shard": 0}
        for name, text in TEXTS.items()
    ]
    values = [tuple(row.get(field) for field in schema.DOCUMENTS.fieldNames()) for row in rows]
    return spark.createDataFrame(values, schema.DOCUMENTS)


def program(name: str, completion: str | None, *, pass_: PastPass = CHUNK, run_id: str = "r") -> tuple[Any, ...]:
    (whole,) = chunk(TEXTS[name], WordTokenizer())
    chunks = [] if completion is None else [chunk_row(chunk_program(whole, completion))]
    error = "out of memory" if completion is None else None
    return (sha256(name), pass_.name, pass_.fingerprint, chunks, error, run_id, NOW)


def stored(spark: SparkSession, *programs: tuple[Any, ...]) -> DataFrame:
    return spark.createDataFrame(list(programs), schema.PROGRAMS)


@pytest.fixture(scope="module")
def applied(spark: SparkSession) -> dict[str, dict[str, Any]]:
    """Take one row of each kind through the pass; `early` has still to take the pass before, `late` is dropped."""
    from pyspark.sql import functions as F

    rows = unrefined(documents(spark)).withColumn(PASSES_DONE, F.lit(1))
    early = rows.where("doc_id = 'edited'").withColumn("doc_id", F.lit("early")).withColumn(PASSES_DONE, F.lit(0))
    late = rows.where("doc_id = 'edited'").withColumn("doc_id", F.lit("late"))
    late = late.withColumn("text", F.lit(None).cast("string")).withColumn("outcome", F.lit("dropped"))
    others = PastPass("chunk", "0" * 64, "chunk", Policy())
    programs = stored(
        spark,
        *(program(name, completion) for name, completion in PROGRAMS.items()),
        program("other pass", "remove_lines(0, 0)", pass_=others),
    )
    result = apply(rows.unionByName(early).unionByName(late), programs, CHUNK, index=1, run_id="now")
    return {row["doc_id"]: row.asDict(recursive=True) for row in result.collect()}


def test_no_row_is_lost_and_each_has_the_columns_of_the_corpus(applied: dict[str, dict[str, Any]]) -> None:
    assert applied.keys() == {*TEXTS, "early", "late"}
    assert all(row.keys() == {*schema.CORPUS.fieldNames(), PASSES_DONE} for row in applied.values())


def test_programs_are_executed_and_an_edit_has_a_hash_of_its_own(applied: dict[str, dict[str, Any]]) -> None:
    edited, kept, dropped = (applied[name] for name in ("edited", "kept", "dropped"))
    assert (edited["outcome"], edited["text"]) == ("edited", "A paragraph that stays.")
    assert edited["text_sha256"] == hashlib.sha256(b"A paragraph that stays.").hexdigest()
    assert (kept["outcome"], kept["text"], kept["text_sha256"]) == ("kept", TEXTS["kept"], sha256("kept"))
    assert (dropped["outcome"], dropped["text"], dropped["text_sha256"]) == ("dropped", None, None)
    assert all(row["run_id"] == "now" and row[PASSES_DONE] == 2 for row in (edited, kept, dropped))


def test_a_text_that_the_engine_could_not_answer_for_is_failed_and_stays(applied: dict[str, dict[str, Any]]) -> None:
    failed = applied["failed"]
    assert (failed["outcome"], failed["reason"], failed["text"]) == ("failed", "engine_error", TEXTS["failed"])
    assert failed[PASSES_DONE] == 2


@pytest.mark.parametrize("name", ["no program", "other pass", "early"])
def test_a_row_without_a_program_of_this_pass_or_behind_it_stays(applied: dict[str, dict[str, Any]], name: str) -> None:
    row = applied[name]
    assert (row["outcome"], row["run_id"]) == ("not_run", None)
    assert row[PASSES_DONE] == (0 if name == "early" else 1)


def test_a_dropped_row_moves_on_as_it_is(applied: dict[str, dict[str, Any]]) -> None:
    assert (applied["late"]["outcome"], applied["late"]["run_id"], applied["late"][PASSES_DONE]) == ("dropped", None, 2)


def test_of_two_programs_for_one_text_the_older_counts(spark: SparkSession) -> None:
    newer = (*program("edited", "keep_all()", run_id="a")[:6], datetime(2026, 2, 1, tzinfo=timezone.utc))
    same_moment = program("edited", "remove_lines(1, 1)", run_id="s")
    programs = stored(spark, newer, program("edited", "remove_lines(0, 0)", run_id="r"), same_moment)
    (row,) = first_programs(programs, CHUNK).collect()
    assert row["chunks"][0]["completion"] == "remove_lines(0, 0)"


def test_a_predicate_holds_for_its_partitions_whatever_their_names(spark: SparkSession) -> None:
    names = [("it's", "a\\b"), ("c4", "en"), ("c4", "de")]
    frame = spark.createDataFrame(names, "source STRING, snapshot STRING")
    assert {tuple(row) for row in frame.where(predicate(names[:2])).collect()} == set(names[:2])
