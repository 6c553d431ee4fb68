"""The JVM executor against the Python twin, for the operations that refiners after ProX write."""

from __future__ import annotations

import random
import re

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType
from support.executions import CASES, chunk_row, disagreements
from support.random_edits import dense_case, random_case

from prox_spark.program import ChunkProgram, Level, Mode, Operation, Policy, columns, execute_operations
from prox_spark.program.characters import names_pattern
from prox_spark.program.columns_edits import names_of
from prox_spark.spark.settings import changed

pytestmark = pytest.mark.spark


def test_scores_are_the_same_in_both_executors(spark: SparkSession) -> None:
    programs = [
        [Operation("score", target="2.5")],
        [Operation("score", target="1e-05"), Operation("score", target="9.0")],
        [Operation("keep_doc"), Operation("score", target="2.4999999999999996")],
        [Operation("drop_doc")],
        [],
    ]
    cases = [("A page.\n中文", [ChunkProgram(operations=tuple(program))]) for program in programs]
    for policy in (Policy(grammar="score"), Policy(grammar="score", min_score=2.5, mode="reference")):
        assert disagreements(spark, cases, level="document", policy=policy) == []


POLICIES = [
    Policy(grammar="ultrax"),
    Policy(grammar="ultrax", insert="accept", rewrite="source_words", max_rejected_share=1.0, max_added_lines=2),
    Policy(grammar="ultrax", insert="reject", rewrite="accept", max_rejected_share=0.9, max_growth=3.0, min_words=2),
]


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: policy.insert)
def test_random_programs_give_the_same_in_both_executors(spark: SparkSession, policy: Policy) -> None:
    chance = random.Random(2026)
    cases = [random_case(chance) for _ in range(800)]
    assert disagreements(spark, cases, level="chunk", policy=policy)[:1] == []
    fates = {
        (fate.operation.op, fate.reason)
        for text, chunks in cases
        for fate in execute_operations(text, chunks, policy=policy).operations
    }
    assert {reason for name, reason in fates if name == "replace_str"} >= {None, "not_found", "not_unique", "overlaps"}


def test_programs_of_hundreds_of_operations_give_the_same_in_both_executors(spark: SparkSession) -> None:
    policy = Policy(grammar="ultrax", insert="accept", max_rejected_share=1.0, max_added_lines=60)
    cases = [dense_case(random.Random(seed), 500) for seed in range(4)]
    assert disagreements(spark, cases, level="chunk", policy=policy)[:1] == []
    fates = [fate for text, chunks in cases for fate in execute_operations(text, chunks, policy=policy).operations]
    assert len(fates) == 4000
    reasons = {fate.reason for fate in fates}
    assert reasons >= {None, "clipped", "duplicate", "not_found", "not_unique", "overlaps", "too_many_lines"}


def test_both_executors_know_the_same_names(spark: SparkSession) -> None:
    text = " ".join(f"a{chr(code)}" for code in range(0x40000) if not 0xD800 <= code < 0xE000)
    names = spark.createDataFrame([(text,)], "text string").select(F.array_join(F.expr(names_of("text")), "\n"))
    assert names.first()[0].split("\n") == re.findall(names_pattern(), text)


@pytest.mark.parametrize("level", ["document", "chunk"])
@pytest.mark.parametrize("mode", ["strict", "reference"])
@pytest.mark.parametrize("grammar", ["prox", "ultrax", "rescraper", "score"])
def test_spark_resolves_an_execution_well_before_it_gives_up(
    spark: SparkSession, grammar: str, mode: Mode, level: Level
) -> None:
    policy = Policy(grammar=grammar, mode=mode, insert="source_words", rewrite="source_words", min_score=2.0)
    cases = spark.createDataFrame([], CASES)
    with changed(spark, {"spark.sql.analyzer.maxIterations": "70"}):  # of 100; a lambda inside of another takes one
        execution = columns.execute("text", "chunks", level=level, policy=policy)
        assert cases.select(execution).columns == ["execution"]
        assert cases.select(columns.apply_program("text", F.flatten("chunks.ops"), policy=policy)).columns == ["text"]


def test_the_operations_that_were_applied_give_the_text_again(spark: SparkSession) -> None:
    policy = POLICIES[1]
    chance = random.Random(7)
    cases = [random_case(chance) for _ in range(200)]
    executed = columns.execute("text", "chunks", policy=policy).alias("executed")
    again = columns.apply_program("text", "executed.ops", policy=policy).alias("again")
    rows = [(text, [chunk_row(chunk) for chunk in chunks]) for text, chunks in cases]
    frame = spark.createDataFrame(rows, StructType(CASES.fields[1:]))
    left = frame.select("text", executed).select(again, F.col("executed.text").alias("expected"))
    assert left.where("NOT again <=> expected").collect() == []


@pytest.mark.usefixtures("loaded_accelerator")
def test_the_accelerator_leaves_the_programs_of_other_grammars_to_the_expressions(spark: SparkSession) -> None:
    chance = random.Random(11)
    cases = [random_case(chance) for _ in range(100)]
    assert disagreements(spark, cases, level="chunk", policy=POLICIES[1], compiled=True) == []
