"""Make an old version the newest again: as a new version, so that nothing is lost and the step can itself be undone."""

from __future__ import annotations

import json
from dataclasses import dataclass

from pyspark.sql import functions as F

from prox_spark.audit import decisions
from prox_spark.audit.diff import readable
from prox_spark.lake import ledger
from prox_spark.lake.ledger import Run
from prox_spark.lake.rows import predicate, unrefined
from prox_spark.lake.tables import Lake
from prox_spark.passes import Chain
from prox_spark.pipeline.recovery import recover


@dataclass(frozen=True, slots=True)
class RestoreSummary:
    """What a restore did, counted.

    Attributes:
        run_id: The run.
        restored: The old version.
        version: The new one that holds the same; None when the old one is the newest already.
        documents: Rows of the new version.
        later: Those of them that came after the old version: they are in the new one as no pass has touched them.
        forgotten: Rows of the old version that stay away, because their documents were forgotten.
        seconds: Wall time.
    """

    run_id: str
    restored: int
    version: int | None
    documents: int
    later: int
    forgotten: int
    seconds: float


def restore(lake: Lake, version: str | int) -> RestoreSummary:
    """Publish an old version again; the next run goes on from there.

    Raises:
        UserError: There is no such version, or its files are gone.
        RunError: Another command published at the same time.
    """
    recover(lake)
    number = readable(lake, version)
    before = lake.newest("corpus")
    run = Run.start("restore", conf=json.dumps({"version": number}), passes=Chain())
    rows = lake.count("corpus")
    if before is None or number == max(version.version for version in lake.versions("corpus")):
        return RestoreSummary(run.run_id, number, None, rows, 0, 0, run.seconds)
    documents, then = lake.read("documents"), lake.read("corpus", number)
    if any(entry.command == "forget" for entry in lake.entries()) and decisions.are_there(lake):
        # What was dropped as a copy of a forgotten document does not become one again.
        then = then.join(decisions.returning(lake, then), "doc_id", "left_anti")
    back = then.join(documents.select("doc_id"), "doc_id", "left_semi")
    later = unrefined(documents.join(then.select("doc_id"), "doc_id", "left_anti"))
    frame = back.unionByName(later.withColumn("run_id", F.lit(run.run_id)))
    partitions = documents.select("source", "snapshot").distinct().collect()
    where = predicate(sorted((row["source"], row["snapshot"]) for row in partitions))
    published = lake.replace(frame, run.commit(), where=where, after=before)
    added = lake.read("corpus", published).where(F.col("run_id") == run.run_id).count()
    gone = then.count() - (lake.read("corpus", published).count() - added)
    ledger.record(
        lake,
        run,
        corpus_version=published,
        counts=ledger.outcome_counts(lake, published),
        versions_read={"corpus": number},
        versions_written={"corpus": published},
    )
    return RestoreSummary(run.run_id, number, published, lake.count("corpus"), added, gone, run.seconds)
