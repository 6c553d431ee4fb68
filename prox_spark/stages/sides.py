"""Put two versions of the corpus beside what was ingested: what each made of every document, and where they part.

Frame in, frame out; no table is touched and no action is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from prox_spark.program import columns

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

FATES = ("kept", "edited", "dropped", "absent")
"""What a version has of a document: its text as ingested, another text, none, or no row."""


def sides(documents: DataFrame, a: DataFrame, b: DataFrame) -> DataFrame:
    """Give one row per document.

    Args:
        documents: Rows of the table `documents`.
        a: Corpus rows of a version.
        b: Corpus rows of another one, which need not stand on the first.

    Returns:
        `doc_id`, `source`, `snapshot`, `url`, `fate_a`, `fate_b` (see `FATES`), `reason_a`, `reason_b`, `words` (of the
        text as ingested), `words_a`, `words_b` (0 where there is no text) and `differs` (the texts are not the same
        bytes).
    """
    joined = documents.alias("d")
    for side, rows in (("a", a), ("b", b)):
        joined = joined.join(rows.alias(side), F.col(f"{side}.doc_id") == F.col("d.doc_id"), "left")
    counted = joined.withColumn("words", columns.words("d.text").cast("long"))
    return counted.select(
        *(F.col(f"d.{name}").alias(name) for name in ("doc_id", "source", "snapshot", "url")),
        *(_fate(side).alias(f"fate_{side}") for side in ("a", "b")),
        *(F.col(f"{side}.reason").alias(f"reason_{side}") for side in ("a", "b")),
        "words",
        *(_words(side).alias(f"words_{side}") for side in ("a", "b")),
        (~F.col("a.text_sha256").eqNullSafe(F.col("b.text_sha256"))).alias("differs"),
    )


def _fate(side: str) -> Column:
    text = F.col(f"{side}.text_sha256")
    return (
        F.when(F.col(f"{side}.doc_id").isNull(), "absent")
        .when(text.isNull(), "dropped")
        .when(text == F.col("d.text_sha256"), "kept")
        .otherwise("edited")
    )


def _words(side: str) -> Column:
    # A text that no pass has executed was not counted yet: it is the one that was ingested.
    counted = F.coalesce(F.col(f"{side}.words_after"), F.col("words"))
    return F.when(F.col(f"{side}.text_sha256").isNull(), F.lit(0).cast("long")).otherwise(counted)


def table(compared: DataFrame, *keys: str) -> DataFrame:
    """Count documents, those that differ, and words; for each value of `keys`, or in one row."""
    sums = [F.coalesce(F.sum(name), F.lit(0)).alias(name) for name in ("words", "words_a", "words_b")]
    differing = F.count_if("differs").alias("differing")
    counted = compared.groupBy(*keys).agg(F.count(F.lit(1)).alias("documents"), differing, *sums)
    return counted.orderBy(*keys) if keys else counted


def drawn(compared: DataFrame, count: int, *, largest: bool, seed: int) -> DataFrame:
    """Draw documents that differ: at random, or those whose numbers of words are furthest apart."""
    apart = F.abs(F.col("words_a") - F.col("words_b"))
    order = [F.desc(apart), F.col("doc_id")] if largest else [F.xxhash64("doc_id", F.lit(seed)), F.col("doc_id")]
    return compared.where("differs").orderBy(*order).limit(count)
