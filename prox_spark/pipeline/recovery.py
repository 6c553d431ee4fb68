"""What a killed command left half done is finished by the next one."""

from __future__ import annotations

from prox_spark.lake import ledger
from prox_spark.lake.ledger import Run
from prox_spark.lake.tables import Lake
from prox_spark.passes import Chain
from prox_spark.pipeline._ingest import CREATED, publish


def recover(lake: Lake) -> None:
    """Enter versions that `runs` does not know, and publish documents that `corpus` lacks."""
    if not lake.exists("corpus") and lake.newest("documents") in (None, CREATED):
        return
    ledger.heal(lake)
    published = lake.read("corpus").select("doc_id")
    if lake.count("documents") == published.count():
        return
    missing = lake.read("documents").join(published, "doc_id", "left_anti")
    if missing.isEmpty():  # `corpus` has rows too many: a killed forget; only its repetition knows the ids to remove
        return
    run = Run.start("ingest", passes=Chain())
    version = publish(lake, missing, run)
    ledger.record(lake, run, status="healed", corpus_version=version, counts=ledger.outcome_counts(lake, version))
