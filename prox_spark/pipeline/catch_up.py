"""Rows behind their chain: how many of its passes each corpus row has gone through, and how it gets through the rest.

A row names the run that wrote it, and the run's chain says which passes the row has gone through. A row right before a
pass takes that pass. A row that is behind, or off the chain because it went through other passes, is taken through all
that it lacks, as far as there are programs; one off the chain starts from its document.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from prox_spark.lake import ledger, schema
from prox_spark.lake.rows import is_of, unrefined
from prox_spark.lake.tables import Lake
from prox_spark.passes import AnyPass, Chain, PastPass
from prox_spark.spark import accelerator
from prox_spark.stages import apply
from prox_spark.stages.apply import PASSES_DONE

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


def pending(lake: Lake, passes: tuple[AnyPass, ...], shards: int) -> Pending:
    """Find the texts of the last of `passes` without a program: the one anti join behind resume, re-runs, new dumps."""
    source, in_shards = texts(lake, passes, shards)
    source = source.drop("doc_id")
    have = lake.read("programs").where(is_of(passes[-1])).select("text_sha256")
    distinct = source.groupBy("text_sha256", "shard").agg(F.count(F.lit(1)).alias("copies"))
    return Pending(source, in_shards, distinct.join(have, "text_sha256", "left_anti"))


def texts(lake: Lake, passes: tuple[AnyPass, ...], shards: int) -> tuple[DataFrame, bool]:
    """Give the texts that the last of `passes` is to read, and whether they lie in `documents`, ordered by shard.

    The columns are `doc_id`, `text_sha256`, `text` and `shard`, a row a document.
    """
    documents = lake.read("documents").select("doc_id", "text_sha256", "text", "shard")
    *before, _ = passes
    if not before:
        return documents, True
    rows, index = with_passes_done(lake, passes, None), len(before)
    ready = rows.where(_stands_before(index) & F.col("text_sha256").isNotNull())
    if _any_must_catch_up(rows, index):
        caught_up = _caught_up(lake, rows, tuple(before), index, run_id="")
        ready = ready.unionByName(caught_up.where(_stands_before(index) & F.col("text").isNotNull()))
    if all(pass_.level == "document" for pass_ in before):
        # Verdicts edit nothing: the texts that survive them are read from `documents`, a wave at a time.
        return documents.join(ready.select("text_sha256"), "text_sha256", "left_semi"), True
    shard = schema.shard_of("text_sha256", shards).alias("shard")
    return ready.select("doc_id", "text_sha256", "text", shard), False


def texts_before(lake: Lake, before: Sequence[AnyPass | PastPass], documents: DataFrame | None = None) -> DataFrame:
    """Give `doc_id`, `text_sha256` and `text` of documents as they reach the pass behind `before`.

    Verdicts edit nothing: behind them alone a text is that of its document, and documents that they drop are there too.

    Args:
        lake: The lake.
        before: The passes.
        documents: Rows of `documents`; None takes all.
    """
    documents = lake.read("documents") if documents is None else documents
    if not all(pass_.level == "document" for pass_ in before):
        documents = texts_after(lake, before, documents)
    return documents.select("doc_id", "text_sha256", "text")


def texts_after(lake: Lake, passes: Sequence[AnyPass | PastPass], documents: DataFrame | None = None) -> DataFrame:
    """Give `doc_id`, `url`, `text_sha256`, `text` of the documents as `passes` leave them, whatever `corpus` holds."""
    documents = lake.read("documents") if documents is None else documents
    rows = _through(lake, _from_documents(documents), passes, run_id="")
    arrived = rows.where(_stands_before(len(passes)) & F.col("text").isNotNull())
    return arrived.select("doc_id", "url", "text_sha256", "text")


def applied(
    lake: Lake, passes: tuple[AnyPass, ...], *, version: int, run_id: str
) -> tuple[DataFrame, list[tuple[str, str]]]:
    """Give the corpus after the last of `passes`, and the partitions in which it differs from version `version`."""
    rows = with_passes_done(lake, passes, version)
    programs, compiled = lake.read("programs"), accelerator.check(lake.spark)
    *before, pass_ = passes
    index = len(before)
    answered = programs.where(is_of(pass_)).select("text_sha256")
    moved = rows.where(_stands_before(index)).join(answered, "text_sha256", "left_semi").select("source", "snapshot")

    def through_last(rows: DataFrame) -> DataFrame:
        return apply.apply(rows, programs, pass_, index=index, run_id=run_id, before=before, compiled=compiled)

    if not _any_must_catch_up(rows, index):
        return through_last(rows).drop(PASSES_DONE), _partitions(moved)
    caught_up = _caught_up(lake, rows, passes, index, run_id).where(F.col(PASSES_DONE) == len(passes))
    stayed = rows.where(_must_catch_up(index)).join(caught_up.select("doc_id"), "doc_id", "left_anti")
    straight = through_last(rows.where(~_must_catch_up(index)))
    touched = _partitions(moved.union(caught_up.select("source", "snapshot")))
    return straight.unionByName(caught_up).unionByName(stayed).drop(PASSES_DONE), touched


def with_passes_done(lake: Lake, passes: tuple[AnyPass, ...], version: int | None) -> DataFrame:
    """Give the corpus rows with the number of `passes` each has gone through; NULL where it is off the chain."""
    done = F.lit(None).cast("int")
    for number, run_ids in runs_by_passes_done(Chain.of(passes), ledger.chains(lake, version)).items():
        done = F.when(F.col("run_id").isin(run_ids), F.lit(number)).otherwise(done)
    return lake.read("corpus", version).withColumn(PASSES_DONE, done)


def runs_by_passes_done(chain: Chain, chains: Mapping[str, Chain]) -> dict[int, list[str]]:
    """Group runs by how many passes of `chain` their rows have gone through; those off the chain are in no group.

    >>> runs_by_passes_done(Chain(("doc", "chunk")), {"1": Chain(), "2": Chain(("doc",)), "3": Chain(("other",))})
    {0: ['1'], 1: ['2']}
    """
    groups: dict[int, list[str]] = {}
    for run_id, passed in chains.items():
        shared = passed.shared_with(chain)
        if shared is not None:
            groups.setdefault(shared, []).append(run_id)
    return groups


def _stands_before(index: int) -> Column:
    return F.col(PASSES_DONE) == index


def _must_catch_up(index: int) -> Column:
    """Say which rows cannot simply take pass number `index`: those behind it, and those off the chain."""
    behind = (F.col(PASSES_DONE) < index) & F.col("text_sha256").isNotNull()
    return F.col(PASSES_DONE).isNull() | behind


def _any_must_catch_up(rows: DataFrame, index: int) -> bool:
    return not rows.where(_must_catch_up(index)).select("doc_id").isEmpty()


def _caught_up(lake: Lake, rows: DataFrame, passes: tuple[AnyPass, ...], index: int, run_id: str) -> DataFrame:
    """Take the rows behind pass number `index` through `passes`, and those off the chain from their documents."""
    late = rows.where(_must_catch_up(index))
    off_chain = late.where(F.col(PASSES_DONE).isNull()).select("doc_id")
    again = _from_documents(lake.read("documents").join(off_chain, "doc_id", "left_semi"))
    return _through(lake, late.where(F.col(PASSES_DONE).isNotNull()).unionByName(again), passes, run_id)


def _from_documents(documents: DataFrame) -> DataFrame:
    return unrefined(documents).withColumn(PASSES_DONE, F.lit(0))


def _through(lake: Lake, rows: DataFrame, passes: Sequence[AnyPass | PastPass], run_id: str) -> DataFrame:
    """Take rows through `passes` in order, each from where it stands, as far as there are programs."""
    programs, compiled = lake.read("programs"), accelerator.check(lake.spark)
    for index, pass_ in enumerate(passes):
        before = passes[:index]
        rows = apply.apply(rows, programs, pass_, index=index, run_id=run_id, before=before, compiled=compiled)
    return rows


def _partitions(rows: DataFrame) -> list[tuple[str, str]]:
    return sorted((row["source"], row["snapshot"]) for row in rows.distinct().collect())
