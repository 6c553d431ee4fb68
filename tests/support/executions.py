"""Cases for both executors, many in one Spark job, and where the JVM and the Python twin disagree on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyspark.sql import Column, Row, SparkSession
from pyspark.sql.types import ArrayType, IntegerType, StringType, StructField, StructType

from prox_spark.lake import schema
from prox_spark.program import (
    AppliedOperation,
    ChunkProgram,
    Execution,
    Level,
    Operation,
    Policy,
    columns,
    execute_operations,
)

Case = tuple[str, Sequence[ChunkProgram]]

CASES = StructType(
    [
        StructField("number", IntegerType()),
        StructField("text", StringType()),
        StructField("chunks", ArrayType(schema.CHUNK)),
    ]
)


def operation_row(operation: Operation) -> tuple[Any, ...]:
    """Give an operation as `schema.OPERATION` stores it."""
    return tuple(getattr(operation, field.name) for field in schema.OPERATION)


def chunk_row(program: ChunkProgram) -> dict[str, Any]:
    """Give a program as `schema.CHUNK` stores it."""
    row: dict[str, Any] = dict.fromkeys(schema.CHUNK.names)
    return row | {
        "chunk_index": program.chunk_index,
        "line_start": program.scope_start,
        "line_end": program.scope_end,
        "completion": program.completion,
        "ops": [operation_row(operation) for operation in program.operations],
        "problems": [(number, "not_an_operation", "prose") for number in range(program.problems)],
        "reference_ops": [operation_row(operation) for operation in program.reference_operations],
        "reference_errors": program.reference_errors,
    }


def run(
    spark: SparkSession, cases: Sequence[Case], execution: Column, known: Sequence[int | None] | None = None
) -> list[Row]:
    """Execute all cases in one job; give the value of `execution` for each, in order; `known` is a column for it."""
    numbers = known or [None] * len(cases)
    rows = [
        (number, text, [chunk_row(one) for one in chunks], numbers[number])
        for number, (text, chunks) in enumerate(cases)
    ]
    schema_of_rows = StructType([*CASES.fields, StructField("known", IntegerType())])
    frame = spark.createDataFrame(rows, schema_of_rows).select("number", execution.alias("value"))
    return [row.value for row in sorted(frame.collect(), key=lambda row: row.number)]


def execute_in_jvm(
    spark: SparkSession, cases: Sequence[Case], *, level: Level, policy: Policy, compiled: bool = False
) -> list[Execution]:
    """Execute all cases in one job, and give what came of them as the twin gives it."""
    execution = columns.execute("text", "chunks", level=level, policy=policy, compiled=compiled)
    return [as_execution(row) for row in run(spark, cases, execution)]


def as_execution(row: Row) -> Execution:
    """Give a result of `columns.execute` as the value that the twin gives."""
    fates = tuple(
        AppliedOperation(
            operation=Operation(**{field.name: fate[field.name] for field in schema.OPERATION}),
            chunk_index=fate.chunk_index,
            scope_start=fate.scope_start,
            scope_end=fate.scope_end,
            status=fate.status,
            reason=fate.reason,
            found=fate.found,
            words_removed=fate.words_removed,
        )
        for fate in row.ops
    )
    return Execution(row.text, row.outcome, row.reason, fates, row.words_before, row.words_after)


def disagreements(
    spark: SparkSession, cases: Sequence[Case], *, level: Level, policy: Policy, compiled: bool = False
) -> list[tuple[Case, Execution, Execution]]:
    """Give every case on which the executors differ, with what the twin and what the JVM made of it."""
    found = execute_in_jvm(spark, cases, level=level, policy=policy, compiled=compiled)
    expected = [execute_operations(text, chunks, level=level, policy=policy) for text, chunks in cases]
    return [(case, twin, jvm) for case, twin, jvm in zip(cases, expected, found, strict=True) if twin != jvm]
