"""Rows of one table in terms of another: documents as corpus rows, programs of a pass, rows of some partitions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from prox_spark.lake import schema

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

    from prox_spark.passes import AnyPass, PastPass


def unrefined(documents: DataFrame) -> DataFrame:
    """Give documents as corpus rows that no pass has touched: outcome `not_run`, no counts yet."""
    given = {name: F.col(name) for name in ("doc_id", "source", "snapshot", "url", "text", "text_sha256", "metadata")}
    given["outcome"] = F.lit("not_run")
    given["run_id"] = F.col("ingest_run_id")
    return documents.select(
        *(given.get(field.name, F.lit(None)).cast(field.dataType).alias(field.name) for field in schema.CORPUS)
    )


def is_of(pass_: AnyPass | PastPass) -> Column:
    """Say which rows of `programs` are of a pass; both columns are partitions, so no other file is read."""
    return (F.col("pass_name") == pass_.name) & (F.col("fingerprint") == pass_.fingerprint)


def predicate(partitions: Sequence[tuple[str, str]]) -> str:
    """Write the predicate that holds exactly for some (source, snapshot) partitions, for `replaceWhere`.

    >>> predicate([("c4", "en")])
    "(source = 'c4' AND snapshot = 'en')"
    """

    def quoted(value: str) -> str:
        return "'" + value.replace("\\", "\\\\").replace("'", "\\'") + "'"

    return " OR ".join(f"(source = {quoted(s)} AND snapshot = {quoted(t)})" for s, t in partitions)
