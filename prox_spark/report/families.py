"""What a report tells of copies: how large their families are, and some beside the documents that they repeat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from pyspark.sql import functions as F

from prox_spark.audit.rows import dicts
from prox_spark.lake import views
from prox_spark.lake.lineage import oldest_readable

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from prox_spark.lake.lineage import PublishedVersion
    from prox_spark.lake.tables import Lake

SIZES = 20
"""Sizes of families that are listed: the smallest, which are the most."""

EXAMPLES = 6


def copies(lake: Lake, history: Sequence[PublishedVersion]) -> DataFrame:
    """Give the rows of the view `duplicates` as it was for a version.

    Args:
        lake: The lake.
        history: The versions that it stands on, oldest first.
    """
    newest_first = tuple(reversed(history))
    at = newest_first[0].read if newest_first else None
    return lake.spark.sql(views.duplicates(lake.name, newest_first, oldest_readable(lake.entries()), at))


def sizes(rows: DataFrame) -> list[dict[str, Any]]:
    """Count families by `size`, the one that stayed among them: `families`, and `documents` that were dropped."""
    family = rows.groupBy("family").agg(F.count(F.lit(1)).alias("dropped"))
    counted = family.groupBy((F.col("dropped") + 1).alias("size")).agg(
        F.count(F.lit(1)).alias("families"), F.sum("dropped").alias("documents")
    )
    return dicts(counted.orderBy("size").limit(SIZES))


def examples(rows: DataFrame, documents: DataFrame, *, seed: int, longest: int) -> list[dict[str, Any]]:
    """Draw copies that are not the very same text, each with its own text and that of its twin, as ingested."""
    order = (F.xxhash64("doc_id", F.lit(seed)), F.col("doc_id"))
    drawn = dicts(rows.where("reason <> 'duplicate'").orderBy(*order).limit(EXAMPLES))
    ids = [row[name] for row in drawn for name in ("doc_id", "twin") if row[name]]
    found = documents.where(F.col("doc_id").isin(ids)).select(
        "doc_id", "url", F.substring("text", 1, longest).alias("text")
    )
    by_id = {row["doc_id"]: row for row in dicts(found)}
    return [
        {
            **row,
            "text": by_id[row["doc_id"]]["text"],
            "twin_text": by_id[row["twin"]]["text"],
            "twin_url": by_id[row["twin"]]["url"],
        }
        for row in drawn
        if row["doc_id"] in by_id and row["twin"] in by_id
    ]
