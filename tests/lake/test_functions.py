"""The SQL functions, as a user of SQL calls them."""

from __future__ import annotations

from typing import Any

import pytest
from pyspark.sql import SparkSession

from prox_spark import register_functions
from prox_spark.program import Mode, execute, parse

pytestmark = pytest.mark.spark

TEXT = "Home | About\nA story of two words.\nShare this: http://example.org/?a=1,2"
COMPLETION = 'remove_lines(start=0, end=0)\nnormalize(source_str="Share this: ")\nand so on'


@pytest.fixture(params=["strict", "reference"])
def mode(spark: SparkSession, request: pytest.FixtureRequest) -> Mode:
    register_functions(spark, mode=request.param)
    mode: Mode = request.param
    return mode


def ask(spark: SparkSession, expression: str, **values: object) -> Any:
    """Give the value of a SQL expression over one row that holds `values`."""
    row = spark.createDataFrame([{"one": 1, **values}])
    return row.selectExpr(expression).first()[0]


def test_prox_parse_gives_operations_and_problems(spark: SparkSession, mode: Mode) -> None:
    parsed = ask(spark, "prox_parse(completion)", completion=COMPLETION)
    program = parse(COMPLETION, mode=mode)
    assert [row.asDict() for row in parsed.ops] == [
        {name: getattr(one, name) for name in ("op", "line_start", "line_end", "source", "target")}
        for one in program.operations
    ]
    assert [(row.line, row.reason, row.text) for row in parsed.problems] == [
        (one.line, one.reason, one.text) for one in program.problems
    ]


def test_prox_parse_of_null_is_null(spark: SparkSession, mode: Mode) -> None:
    parsed = ask(spark, "prox_parse(CAST(NULL AS STRING))")
    assert (parsed.ops, parsed.problems) == (None, None)


def test_prox_apply_takes_what_prox_parse_gives(spark: SparkSession, mode: Mode) -> None:
    text = TEXT + "\nand more words than ten, so that both ways of executing a program keep it"
    made = ask(spark, "prox_apply(text, prox_parse(completion).ops)", text=text, completion=COMPLETION)
    assert made == execute(text, COMPLETION, mode=mode).text
    assert made != text


def test_prox_apply_of_a_dropped_or_missing_text_is_null(spark: SparkSession) -> None:
    register_functions(spark)
    assert ask(spark, "prox_apply(text, prox_parse('drop_doc()').ops)", text=TEXT) is None
    assert ask(spark, "prox_apply(CAST(NULL AS STRING), prox_parse('keep_doc()').ops)") is None
    assert ask(spark, "prox_apply(text, NULL)", text=TEXT) == TEXT


def test_prox_words_counts_scripts_without_spaces(spark: SparkSession, mode: Mode) -> None:
    assert ask(spark, "prox_words('two words')") == 2
    assert ask(spark, "prox_words('中文 and text')") == (4 if mode == "strict" else 3)


def test_the_functions_work_in_a_view_over_many_rows(spark: SparkSession) -> None:
    register_functions(spark)
    frame = spark.createDataFrame(
        [(TEXT, COMPLETION), ("x", None), (None, "drop_doc()")], "text string, completion string"
    )
    frame.createOrReplaceTempView("pages")
    spark.sql(
        "CREATE OR REPLACE TEMPORARY VIEW made AS "
        "SELECT prox_apply(text, prox_parse(completion).ops) AS text FROM pages"
    )
    assert {row.text for row in spark.table("made").collect()} == {execute(TEXT, COMPLETION).text, "x", None}


def test_registering_again_changes_the_mode(spark: SparkSession) -> None:
    register_functions(spark, mode="reference")
    assert ask(spark, "prox_words('中文')") == 1
    register_functions(spark)
    assert ask(spark, "prox_words('中文')") == 2
