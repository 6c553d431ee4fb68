"""Rows of a table or view as JSON objects: what Auto Loader or another job has landed is read without files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.errors import AnalysisException
from pyspark.sql import functions as F

from prox_spark.errors import SourceError

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from prox_spark.sources import Adapter


TABLE = "table"
"""The source whose paths are names of tables and views."""


def json_rows(spark: SparkSession, source: Adapter, name: str) -> DataFrame:
    """Give each row of a table or view as a JSON object, with a hash of it for the place that a record has in a file.

    Args:
        spark: The session.
        source: Says which columns there must be.
        name: Such as `catalog.schema.name`.

    Returns:
        `row STRING, position BIGINT`; the same row has the same position in every run.

    Raises:
        SourceError: There is no such table, or it has no such column.
    """
    try:
        frame = spark.table(name)
        columns = frame.columns
    except AnalysisException as error:
        raise SourceError(f"{name}: there is no such table or view, or it may not be read") from error
    needed = [source.text_column, *(source.identity or ())]
    if missing := [name for name in needed if name not in columns and name.split(".")[0] not in columns]:
        raise SourceError(f"{name} has no column {', '.join(missing)}; it has {', '.join(columns)}")
    row = F.to_json(F.struct(*(F.col(f"`{column.replace('`', '``')}`") for column in columns)))
    return frame.select(row.alias("row")).select("row", F.xxhash64("row").alias("position"))
