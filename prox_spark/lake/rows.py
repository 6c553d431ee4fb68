"""Rows of one table in terms of another: documents as corpus rows, programs of a pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from prox_spark.lake import schema

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from prox_spark.passes import Pass, PastPass


def unrefined(documents: DataFrame) -> DataFrame:
    """Give documents as corpus rows that no pass has touched: outcome `not_run`, no counts yet."""
    given = {name: F.col(name) for name in ("doc_id", "source", "snapshot", "url", "text", "text_sha256", "metadata")}
    given["outcome"] = F.lit("not_run")
    given["run_id"] = F.col("ingest_run_id")
    return documents.select(
        *(given.get(field.name, F.lit(None)).cast(field.dataType).alias(field.name) for field in schema.CORPUS)
    )


def is_of(pass_: Pass | PastPass) -> Column:
    """Say which rows of `programs` are of a pass; both columns are partitions, so no other file is read."""
    return (F.col("pass_name") == pass_.name) & (F.col("fingerprint") == pass_.fingerprint)
