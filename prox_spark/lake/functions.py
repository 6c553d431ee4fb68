"""The SQL functions `prox_parse`, `prox_apply` and `prox_words`, for whoever asks in SQL and not in Python."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pyspark.sql.pandas.functions import pandas_udf
from pyspark.sql.types import ArrayType, StructField, StructType

from prox_spark.lake import schema
from prox_spark.program import columns, parse
from prox_spark.program.columns_words import let
from prox_spark.program.operations import Mode, Operation, Policy, Problem

if TYPE_CHECKING:
    import pandas as pd
    from pyspark.sql import SparkSession
    from pyspark.sql._typing import UserDefinedFunctionLike

Rows = list[dict[str, object]]

PARSED = StructType(
    [StructField("ops", ArrayType(schema.OPERATION)), StructField("problems", ArrayType(schema.PROBLEM))]
)
"""What `prox_parse` gives: the operations of a completion in order, and the lines that are none."""


def register_functions(spark: SparkSession, *, mode: Mode = "strict") -> None:
    """Register the SQL functions in the session, in the place of older ones.

    - `prox_parse(completion)`: a struct of `ops` and `problems`, both NULL for NULL. It runs in Python workers.
    - `prox_apply(text, ops)`: the text that a program of the whole document makes; NULL when it drops the document.
      Built from Spark's own expressions, like `prox_words`.
    - `prox_words(text)`: the words of a text, as the executor counts them.

    Programs are those of ProX's language; what other refiners write has no meaning without the windows that they saw.

    Args:
        mode: How all three read and execute programs.
    """
    spark.udf.register("prox_parse", _parse_udf(mode))
    text = "named_struct('text', text{})"
    applied = columns.program_sql("document.ops", Policy(mode=mode))
    parameters = f"text STRING, ops {ArrayType(schema.OPERATION).simpleString()}"
    _register(spark, f"prox_apply({parameters}) RETURNS STRING", text.format(", 'ops', ops"), applied)
    _register(spark, "prox_words(text STRING) RETURNS INT", text.format(""), columns.words_sql(mode))


def _register(spark: SparkSession, signature: str, bound: str, body: str) -> None:
    spark.sql(f"CREATE OR REPLACE TEMPORARY FUNCTION {signature} RETURN {let('document', bound, body)}")


def _parse_udf(mode: Mode) -> UserDefinedFunctionLike:
    import pandas as pd

    def prox_parse(batches: Iterator[pd.Series]) -> Iterator[pd.DataFrame]:
        for completions in batches:
            yield pd.DataFrame([_parsed(completion, mode) for completion in completions], columns=["ops", "problems"])

    annotations = {"batches": Iterator[pd.Series], "return": Iterator[pd.DataFrame]}
    prox_parse.__annotations__ = annotations  # Spark reads the objects, and a string names nothing that it can see
    return pandas_udf(prox_parse, PARSED)  # type: ignore[call-overload,no-any-return]  # no overload has iterators


def _parsed(completion: str | None, mode: Mode) -> tuple[Rows | None, Rows | None]:
    if completion is None:
        return None, None
    program = parse(completion, mode=mode)
    return [_operation(operation) for operation in program.operations], [_problem(one) for one in program.problems]


def _operation(operation: Operation) -> dict[str, object]:
    return {field.name: getattr(operation, field.name) for field in schema.OPERATION}


def _problem(problem: Problem) -> dict[str, object]:
    return {field.name: getattr(problem, field.name) for field in schema.PROBLEM}
