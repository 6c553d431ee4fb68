"""Have Spark's workers write a version's documents as shards: corpus rows in, one row per file out.

Frame in, frame out; no table is touched and no action is called. The files are written as the frame is computed, and
each is there whole or not at all: a task that runs twice writes the same file again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING

from pyspark.sql import functions as F
from pyspark.sql.types import LongType, StringType, StructField, StructType

from prox_spark.formats import Layout, write
from prox_spark.lake import schema

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

COLUMNS = ("doc_id", "source", "snapshot", "url", "text", "metadata")
VERDICT = ("outcome", "reason")
"""Columns that an export with dropped documents has besides."""

WRITTEN = StructType(
    [
        StructField("path", StringType()),
        StructField("bytes", LongType()),
        StructField("sha256", StringType()),
        StructField("documents", LongType()),
        StructField("samples", LongType()),
        StructField("text_bytes", LongType()),
        StructField("tokens", LongType()),
    ]
)
"""The columns of `formats.Written`."""

DOCUMENTS_PER_PART = 50_000


def write_shards(rows: DataFrame, layout: Layout, *, parts: int) -> DataFrame:
    """Write rows as shards.

    Documents go into parts by their id and stand in its order: a hash of the source record, so that no crawl and no
    site is together, and every cluster makes the same shards. It takes one shuffle of the texts.

    Args:
        rows: Rows of `corpus`.
        layout: The format and the place.
        parts: Of the corpus; each is one Spark task, or shares one.

    Returns:
        One row per file, with what it holds, and one per part for the tokens that fill no sequence.
    """
    first = F.conv(F.substring("doc_id", 1, 8), 16, 10).cast("long")
    part = F.shiftright(first * parts, 32).cast("int").alias("part")
    names = [*COLUMNS, *(name for name in VERDICT if name in rows.columns)]
    placed = rows.select(part, *names).repartition(parts, "part").sortWithinPartitions("part", "doc_id")
    return placed.mapInArrow(partial(_write, layout=layout), WRITTEN)


def parts_for(documents: int) -> int:
    """Give the number of parts for a corpus, whatever the cluster.

    >>> parts_for(0), parts_for(50_000), parts_for(50_001)
    (1, 1, 2)
    """
    return max(1, -(-documents // DOCUMENTS_PER_PART))


def _write(batches: Iterable[pa.RecordBatch], layout: Layout) -> Iterator[pa.RecordBatch]:
    import pyarrow as pa

    kinds = schema.arrow(WRITTEN)
    for file in write(batches, layout):
        yield pa.RecordBatch.from_pylist([asdict(file)], schema=kinds)
