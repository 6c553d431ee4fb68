"""The JVM executor against the Python twin, for the operations that refiners after ProX write."""

from __future__ import annotations

import pytest
from pyspark.sql import SparkSession
from support.executions import disagreements

from prox_spark.program import ChunkProgram, Operation, Policy

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
