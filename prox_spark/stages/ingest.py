"""Bring corpus files into documents: list them, read them in Python workers, keep each record once.

    files ──units──▶ records ──▶ documents       one shuffle and one sort, by shard and id
                            └──▶ quarantined     the bad records

One row of `records` is one record of a file, good or bad. Frame in, frame out; only `files` runs a job of its own, to
list what is there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import reduce
from typing import TYPE_CHECKING, Any, Protocol

from pyspark.sql import DataFrame, Window
from pyspark.sql import functions as F
from pyspark.sql.types import BinaryType, IntegerType, LongType, StringType, StructField, StructType

from prox_spark.lake import schema
from prox_spark.sources import (
    SCHEMA,
    Adapter,
    File,
    Part,
    Reader,
    Slice,
    Unit,
    adapter,
    batches,
    check_snapshot,
    memory_input,
    splits_in_place,
    units,
)
from prox_spark.spark import listing
from prox_spark.spark.attempts import attempt
from prox_spark.spark.listing import Listing
from prox_spark.spark.partitions import partition_keys, range_key
from prox_spark.spark.rows import TABLE, json_rows

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import Observation, SparkSession

    from prox_spark.sources.records import Record
    from prox_spark.spark.tally import Counter, Tally

    Batches = Iterator[pa.RecordBatch]

__all__ = ["adapter", "documents", "files", "listed", "quarantined", "records", "work"]

KINDS = {"string": StringType(), "int64": LongType(), "int32": IntegerType(), "binary": BinaryType()}

RECORDS = StructType([StructField(field.name, KINDS[str(field.type)]) for field in SCHEMA])
"""One record; `reason` is NULL in a document, and the columns of a document are NULL in a bad record."""

FILE = "path: STRING, size: BIGINT"

SLICE = f"file: STRUCT<{FILE}, joined: STRUCT<{FILE}>>, start: BIGINT, end: BIGINT"

UNITS = f"unit INT, slices ARRAY<STRUCT<{SLICE}>>, place INT"

CONTENT_BYTES = 1 << 30
"""Larger files of a remote file system are streamed by pyarrow and not handed over by Spark, whose rows end at 2 GB."""


class Settings(Protocol):
    """The settings that this stage needs."""

    @property
    def max_record_bytes(self) -> int: ...
    @property
    def max_window_bytes(self) -> int: ...
    @property
    def unit_bytes(self) -> int: ...


def listed(spark: SparkSession, source: Adapter, paths: Sequence[str], *, lake: str | None = None) -> Listing:
    """List the files to read.

    Args:
        spark: The session; it lists other file systems than this machine's, so that its credentials count.
        source: The adapter.
        paths: Files, folders or patterns; names of tables or views where the source is `table`.
        lake: The folder of the lake that they are for, which is no source.

    Raises:
        SourceError: A path matches no file, or none that the source has; or it lies in the lake.
    """
    if source.name == TABLE:
        for name in paths:
            json_rows(spark, source, name)  # what cannot be read says so now
        return Listing(tuple(File(name, 0) for name in paths))
    return listing.files(spark, source, paths, lake=lake)


def files(spark: SparkSession, source: Adapter, paths: Sequence[str], *, settings: Settings) -> list[Unit]:
    """List the files to read and cut them into units of work."""
    return work(listed(spark, source, paths), settings=settings)


def work(found: Listing, *, settings: Settings) -> list[Unit]:
    """Cut files into units of work; the settings say how large one is."""
    return units(found.files, unit_bytes=settings.unit_bytes, splits=_splits)


def records(
    spark: SparkSession,
    work: Sequence[Unit],
    source: Adapter,
    *,
    snapshot: str | None = None,
    settings: Settings,
    tally: Tally | None = None,
) -> DataFrame:
    """Read the records of all units, one Spark task a unit; columns as in RECORDS.

    Args:
        spark: The session.
        work: What `files` gave.
        source: The adapter.
        snapshot: Name of the crawl; None takes it from the records or the paths.
        settings: Says which records are too large.
        tally: Told of the records that are read, and of the slices that are done with.

    Raises:
        SourceError: The snapshot cannot be the name of a folder.
    """
    check_snapshot(snapshot)
    reader = Reader(source, snapshot, settings.max_record_bytes, settings.max_window_bytes)
    if source.name == TABLE:
        names = [(n, part.file.path) for n, unit in enumerate(work) for part in unit.slices]
        frames = [json_rows(spark, source, name).mapInArrow(_read_rows(reader, name, n), RECORDS) for n, name in names]
        return reduce(DataFrame.unionByName, frames)
    handed = [(n, part) for n, unit in enumerate(work) for part in unit.slices if _is_handed_over(part.file)]
    opened = [
        (n, parts) for n, unit in enumerate(work) if (parts := [p for p in unit.slices if not _is_handed_over(p.file)])
    ]
    frames = []
    if opened or not handed:
        frames.append(_opened(spark, opened).mapInArrow(_read_units(reader, tally), RECORDS))
    if handed:
        frames.append(_handed_over(spark, handed).mapInArrow(_read_contents(reader, tally), RECORDS))
    return frames[0] if len(frames) == 1 else frames[0].unionByName(frames[1])


def documents(
    records: DataFrame,
    existing: DataFrame | None,
    *,
    run_id: str,
    shards: int,
    partitions: int,
    observation: Observation | None = None,
) -> DataFrame:
    """Keep each document once: not the ones that the lake has, and of equal ones the first by file and position.

    Rows are shuffled once and sorted once: a partition holds a range of shards, ordered by shard and id, so that every
    file of `documents` covers few shards.

    Args:
        records: What the function `records` gave.
        existing: `doc_id` and `shard` of the documents that the lake has; None before the first ingest.
        run_id: Written to every row.
        shards: Number of shards of the lake.
        partitions: Number of partitions to write.
        observation: Told the number of `records`, `documents`, documents with `urls`, and `quarantined`, and the
            `damaged` units: the numbers of those that hold bad records, with blanks between. It counts after the
            shuffle, where no task counts twice.

    Returns:
        Rows of `schema.DOCUMENTS`.
    """
    shard = schema.shard_of(F.coalesce("text_sha256", "record_id"), shards).alias("shard")
    columns = ["doc_id", "source", "snapshot", "url", "text", "text_sha256", "metadata", "source_file", "position",
               "reason", "unit"]  # fmt: skip
    rows = records.select(*columns, shard)
    if existing is not None:
        kept = {name: F.col(name) for name in ("doc_id", "shard")}
        rows = rows.unionByName(
            existing.select(*(kept.get(field.name, F.lit(None).cast(field.dataType)).alias(field.name)
                              for field in rows.schema))
        )  # fmt: skip
    count = max(1, min(partitions, shards))
    # A range partitioner would do the same, but it samples, and for that reads everything twice.
    bucket = range_key("shard", shards, count).alias("bucket")
    # Rows that the lake has carry no file, and NULL sorts first. The window finds rows where it wants them: no further
    # shuffle, and its sort is the only one.
    same = Window.partitionBy("bucket", "shard", "doc_id").orderBy("source_file", "position")
    ranked = rows.select("*", bucket).repartition(count, "bucket").withColumn("rank", F.row_number().over(same))
    incoming, good = F.col("source_file").isNotNull(), F.col("reason").isNull()
    first = incoming & good & (F.col("rank") == 1)
    if observation is not None:
        ranked = ranked.observe(
            observation,
            F.count_if(incoming).alias("records"),
            F.count_if(first).alias("documents"),
            F.count_if(first & F.col("url").isNotNull()).alias("urls"),
            F.count_if(incoming & ~good).alias("quarantined"),
            # Written as text: Spark 4.0 gives an observed array as an object of the JVM.
            F.array_join(F.sort_array(F.collect_set(F.when(~good, F.col("unit")))), " ").alias("damaged"),
        )
    kept_rows = ranked.where(first).withColumn("ingest_run_id", F.lit(run_id))
    return kept_rows.select(*schema.DOCUMENTS.fieldNames())


def quarantined(records: DataFrame, *, run_id: str) -> DataFrame:
    """Give the bad records; rows of `schema.QUARANTINE`."""
    rows = records.where(F.col("reason").isNotNull()).withColumn("run_id", F.lit(run_id))
    return rows.select(*schema.QUARANTINE.fieldNames())


# -- how the work reaches the workers ----------------------------------------------------------------------------------


def _splits(path: str) -> bool:
    return listing.is_local(path) and splits_in_place(path)


def _is_handed_over(file: File) -> bool:
    """Say whether Spark reads a file for the worker, which cannot open it; a file must fit into a row for that."""
    if listing.is_local(file.path) or file.size == 0:  # nothing has to be opened to see that a file is empty
        return False
    return max(file.size, file.joined.size if file.joined else 0) <= CONTENT_BYTES


def _opened(spark: SparkSession, numbered: Sequence[tuple[int, Sequence[Slice]]]) -> DataFrame:
    """Give what each unit opens itself as rows, exactly one in each partition."""
    places = partition_keys(max(1, len(numbered)))
    rows = [
        (number, [asdict(part) for part in parts], place)
        for (number, parts), place in zip(numbered, places, strict=False)
    ]
    return spark.createDataFrame(rows, UNITS).repartition(len(places), "place").select("unit", "slices")


def _handed_over(spark: SparkSession, numbered: Sequence[tuple[int, Slice]]) -> DataFrame:
    """Give files with their content, one row a file."""
    read = [(number, part.file) for number, part in numbered]
    rows = [(number, file.path, file.joined.path if file.joined else None) for number, file in read]
    work = spark.createDataFrame(rows, "unit INT, path STRING, joined STRING")
    contents = listing.contents(spark, [path for _, path, _ in rows]).join(F.broadcast(work), "path")
    joined = [other for _, _, other in rows if other is not None]
    if not joined:
        return contents.withColumn("joined_content", F.lit(None).cast("binary"))
    others = listing.contents(spark, joined)
    return contents.join(others.select(F.col("path").alias("joined"), F.col("content").alias("joined_content")),
                         "joined", "left")  # fmt: skip


def _read_units(reader: Reader, tally: Tally | None) -> Callable[[Batches], Batches]:
    def read(work: Batches) -> Batches:
        counter = None if tally is None else tally.counter()
        for batch in work:
            for row in batch.to_pylist():
                slices = [_slice(part) for part in row["slices"]]
                size = sum(part.end - part.start for part in slices)
                records = reader.slices(slices, careful=attempt() > 0)
                yield from _counted(batches(records, source=reader.adapter.name, unit=row["unit"]), counter, size)

    return read


def _read_contents(reader: Reader, tally: Tally | None) -> Callable[[Batches], Batches]:
    def read(work: Batches) -> Batches:
        counter = None if tally is None else tally.counter()
        for batch in work:
            for row in range(batch.num_rows):
                name, other, unit = (batch.column(key)[row].as_py() for key in ("path", "joined", "unit"))
                source = memory_input(name, batch.column("content")[row].as_buffer())
                content = batch.column("joined_content")[row].as_buffer()
                joined = None if content is None else memory_input(other, content)
                records = reader.parts([Part(source, joined=joined)], careful=attempt() > 0)
                yield from _counted(batches(records, source=reader.adapter.name, unit=unit), counter, source.size)

    return read


def _read_rows(reader: Reader, name: str, unit: int) -> Callable[[Batches], Batches]:
    def records(batch: pa.RecordBatch) -> Iterator[Record]:
        positions = batch.column("position").to_pylist()
        for row, position in zip(batch.column("row"), positions, strict=True):
            for record in reader.records(memory_input(name, row.as_buffer())):
                yield record._replace(position=position)

    def read(work: Batches) -> Batches:
        for batch in work:
            yield from batches(records(batch), source=reader.adapter.name, unit=unit)

    return read


def _counted(records: Batches, counter: Counter | None, size: int) -> Batches:
    """Tell the counter of the records of `size` bytes of input as they go by."""
    for batch in records:
        if counter is not None:
            counter.add(batch.num_rows)
        yield batch
    if counter is not None:
        counter.add(size=size)
        counter.write()


def _slice(row: dict[str, Any]) -> Slice:
    file, joined = row["file"], row["file"]["joined"]
    other = None if joined is None else File(joined["path"], joined["size"])
    return Slice(File(file["path"], file["size"], other), row["start"], row["end"])
