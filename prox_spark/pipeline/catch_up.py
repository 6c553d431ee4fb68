"""Where each corpus row stands in a chain of passes, and how rows get from there to where they should be.

A row says by its run which passes it has gone through. One that stands right before a pass takes it; one that is
behind, or that went through other passes, is taken through all that it lacks, as far as there are programs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from prox_spark.lake import ledger, schema
from prox_spark.lake.rows import is_of, unrefined
from prox_spark.lake.tables import Lake
from prox_spark.passes import Pass, chain
from prox_spark.spark import accelerator
from prox_spark.stages import apply as applying
from prox_spark.stages.apply import AT

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


@dataclass(frozen=True, slots=True)
class Pending:
    """The texts that a pass reads, and those of them that still lack its program.

    Attributes:
        source: Columns `text_sha256`, `text`, `shard`: all texts that the pass reads, copies among them.
        in_shards: Whether they lie in `documents`, ordered by shard, so that a wave reads only its own files.
        lacking: Columns `text_sha256`, `shard`, `copies`: a row for each text without a program.
    """

    source: DataFrame
    in_shards: bool
    lacking: DataFrame

    def count(self) -> tuple[int, int]:
        """Count the texts without a program, and the documents that have them."""
        sums = self.lacking.agg(F.count(F.lit(1)), F.coalesce(F.sum("copies"), F.lit(0)))
        texts, copies = sums.collect()[0]
        return texts, copies

    def texts(self, first: int, last: int) -> DataFrame:
        """Give the texts without a program of a range of shards, the last one included."""
        mine = F.col("shard").between(first, last)
        lacking = self.lacking.where(mine).select("text_sha256")
        return self.source.where(mine).join(lacking, "text_sha256", "left_semi")


def pending(lake: Lake, passes: tuple[Pass, ...], shards: int) -> Pending:
    """Find the texts of the last of `passes` without a program: the one anti join behind resume, re-runs, new dumps."""
    source, in_shards = texts(lake, passes, shards)
    have = lake.read("programs").where(is_of(passes[-1])).select("text_sha256")
    distinct = source.groupBy("text_sha256", "shard").agg(F.count(F.lit(1)).alias("copies"))
    return Pending(source, in_shards, distinct.join(have, "text_sha256", "left_anti"))


def texts(lake: Lake, passes: tuple[Pass, ...], shards: int) -> tuple[DataFrame, bool]:
    """Give the texts that the last of `passes` is to read, and whether they lie in `documents`, ordered by shard."""
    documents = lake.read("documents").select("text_sha256", "text", "shard")
    *before, _ = passes
    if not before:
        return documents, True
    rows = _standing(lake, passes, None)
    ready = rows.where((F.col(AT) == len(before)) & F.col("text_sha256").isNotNull())
    if _lost(rows, len(before)):
        caught_up = _replayed(lake, rows, tuple(before), len(before), run_id="")
        ready = ready.unionByName(caught_up.where((F.col(AT) == len(before)) & F.col("text").isNotNull()))
    if all(item.profile.level == "document" for item in before):
        # Verdicts edit nothing: the texts that survive them are read from `documents`, a wave at a time.
        return documents.join(ready.select("text_sha256"), "text_sha256", "left_semi"), True
    return ready.select("text_sha256", "text", schema.shard_of("text_sha256", shards).alias("shard")), False


def texts_after(lake: Lake, passes: tuple[Pass, ...]) -> DataFrame:
    """Give `doc_id`, `url`, `text_sha256`, `text` of the documents as `passes` leave them, whatever `corpus` holds."""
    rows = _through(lake, unrefined(lake.read("documents")).withColumn(AT, F.lit(0)), passes, run_id="")
    arrived = rows.where((F.col(AT) == len(passes)) & F.col("text").isNotNull())
    return arrived.select("doc_id", "url", "text_sha256", "text")


def _standing(lake: Lake, passes: tuple[Pass, ...], version: int | None) -> DataFrame:
    """Give the corpus rows with the number of `passes` each has gone through; NULL where it went through others."""
    wanted = json.loads(chain(passes))
    run_ids: dict[int, list[str]] = {}
    for run_id, gone in ledger.chains(lake).items():
        shared = min(len(gone), len(wanted))
        if gone[:shared] == wanted[:shared]:
            run_ids.setdefault(shared, []).append(run_id)
    stands = F.lit(None).cast("int")
    for shared, mine in run_ids.items():
        stands = F.when(F.col("run_id").isin(mine), F.lit(shared)).otherwise(stands)
    return lake.read("corpus", version).withColumn(AT, stands)


def _lost(rows: DataFrame, index: int) -> bool:
    """Say whether any row cannot simply take pass number `index`: it is behind, or went through other passes."""
    return not rows.where(_is_lost(index)).select("doc_id").isEmpty()


def _is_lost(index: int) -> Column:
    behind = (F.col(AT) < index) & F.col("text_sha256").isNotNull()
    return F.col(AT).isNull() | behind


def _replayed(lake: Lake, rows: DataFrame, passes: tuple[Pass, ...], index: int, run_id: str) -> DataFrame:
    """Take the lost rows through `passes`, as far as there are programs; those that went astray from `documents`."""
    lost = rows.where(_is_lost(index))
    astray = lost.where(F.col(AT).isNull()).select("doc_id")
    again = unrefined(lake.read("documents").join(astray, "doc_id", "left_semi")).withColumn(AT, F.lit(0))
    return _through(lake, lost.where(F.col(AT).isNotNull()).unionByName(again), passes, run_id)


def _through(lake: Lake, rows: DataFrame, passes: tuple[Pass, ...], run_id: str) -> DataFrame:
    """Take rows through `passes` in order, each from where it stands, as far as there are programs."""
    programs, compiled = lake.read("programs"), accelerator.is_there(lake.spark)
    for number, item in enumerate(passes):
        before = passes[:number]
        rows = applying.apply(rows, programs, item, index=number, run_id=run_id, before=before, compiled=compiled)
    return rows


def applied(
    lake: Lake, passes: tuple[Pass, ...], *, version: int, run_id: str
) -> tuple[DataFrame, list[tuple[str, str]]]:
    """Give the corpus after the last of `passes`, and the partitions in which it differs from version `version`."""
    rows = _standing(lake, passes, version)
    programs, compiled = lake.read("programs"), accelerator.is_there(lake.spark)
    *before, this = passes
    index = len(before)
    have = programs.where(is_of(this)).select("text_sha256")
    moved = rows.where(F.col(AT) == index).join(have, "text_sha256", "left_semi").select("source", "snapshot")

    def through(rows: DataFrame) -> DataFrame:
        return applying.apply(rows, programs, this, index=index, run_id=run_id, before=before, compiled=compiled)

    if not _lost(rows, index):
        return through(rows).drop(AT), _partitions(moved)
    replayed = _replayed(lake, rows, passes, index, run_id).where(F.col(AT) == len(passes))
    stayed = rows.where(_is_lost(index)).join(replayed.select("doc_id"), "doc_id", "left_anti")
    straight = through(rows.where(~_is_lost(index)))
    touched = _partitions(moved.union(replayed.select("source", "snapshot")))
    return straight.unionByName(replayed).unionByName(stayed).drop(AT), touched


def _partitions(rows: DataFrame) -> list[tuple[str, str]]:
    return sorted((row["source"], row["snapshot"]) for row in rows.distinct().collect())
