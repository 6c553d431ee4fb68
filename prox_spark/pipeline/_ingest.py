"""Ingest: files become `documents`, bad records become `quarantine`, new documents become a version of `corpus`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING

from pyspark.sql import Observation
from pyspark.sql import functions as F

from prox_spark import tracking
from prox_spark.config import IngestSettings
from prox_spark.lake import ledger
from prox_spark.lake.ledger import Run
from prox_spark.lake.rows import unrefined
from prox_spark.lake.tables import Lake
from prox_spark.passes import Chain
from prox_spark.pipeline.progress import Progress, Step, forward, live, tell
from prox_spark.program.operations import OUTCOMES
from prox_spark.sources.adapters import GENERIC
from prox_spark.spark.session import parallelism
from prox_spark.spark.settings import observed
from prox_spark.stages import ingest

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from prox_spark.config import MlflowSettings
    from prox_spark.sources import Adapter, Unit
    from prox_spark.spark.tally import Tally

COLUMNS = ("text_column", "url_column", "id_column")
"""The settings that name columns of the generic sources."""

CREATED = 0
"""The version of `documents` that creates the table, without rows; every ingest makes a later one."""


@dataclass(frozen=True, slots=True)
class IngestSummary:
    """What one ingest did: records = documents + duplicates + quarantined.

    Attributes:
        left_out: Files and folders that were given and not read, counted by reason, one of `sources.LEFT_OUT`.
        examples: The path of one of them, by reason.
        notes: What the user should know besides, such as a setting that no record fits.
    """

    run_id: str
    records: int
    documents: int
    duplicates: int
    quarantined: int
    corpus_version: int | None
    seconds: float
    left_out: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def ingest_files(
    lake: Lake,
    source: str,
    paths: Sequence[str],
    *,
    snapshot: str | None,
    settings: IngestSettings,
    mlflow: MlflowSettings | None,
    progress: Progress | None,
) -> IngestSummary:
    """Write `documents` and `quarantine`, publish the new documents, and record the run."""
    adapter = ingest.adapter(source, settings)
    listing = ingest.listed(lake.spark, adapter, paths, lake=lake.folder)
    units = ingest.work(listing, settings=settings)
    run = Run.start("ingest", conf=json.dumps(settings.model_dump()), passes=Chain())
    tell(progress, "ingest", 0)
    with live(lake.spark, forward(progress), Step("ingest", 0, 0), _bytes(units)) as tally:
        counts, notes = _write_documents(lake, run, adapter, units, snapshot, settings, tally)
    tell(progress, "publish", counts["documents"])
    is_first = not lake.exists("corpus")
    version = None
    if counts["documents"]:
        version = publish(lake, lake.read("documents").where(F.col("ingest_run_id") == run.run_id), run)
    summary = IngestSummary(
        run.run_id,
        **counts,
        corpus_version=version,
        seconds=run.seconds,
        left_out=listing.left_out,
        examples=listing.examples,
        notes=notes,
    )
    if counts["documents"] or counts["quarantined"]:
        outcomes = _outcomes(lake, version, new=counts["documents"], is_first=is_first)
        row = ledger.record(lake, run, corpus_version=version, counts=counts | outcomes)
        tracking.log(mlflow, tracking.written(lake.location, row, {"ingest": settings.model_dump()}))
    return summary


def _write_documents(
    lake: Lake,
    run: Run,
    adapter: Adapter,
    units: list[Unit],
    snapshot: str | None,
    settings: IngestSettings,
    tally: Tally | None,
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Write the new documents in one commit, then the bad records of the units that have some.

    Returns:
        The counts, and what the user should know besides.
    """
    before = lake.newest("documents")
    records = ingest.records(lake.spark, units, adapter, snapshot=snapshot, settings=settings, tally=tally)
    is_first = before in (None, CREATED)
    existing = lake.read("documents").where(F.col("source") == adapter.name).select("doc_id", "shard")
    observation = Observation()
    documents = ingest.documents(
        records,
        None if is_first else existing,
        run_id=run.run_id,
        shards=settings.shards if is_first else ledger.shards(lake, default=settings.shards),
        partitions=_files_to_write(lake, units, settings),
        observation=observation,
    )
    lake.append_after("documents", documents, run.commit(), after=before)
    told = observed(observation)
    if told["quarantined"]:
        damaged = [units[int(number)] for number in told["damaged"].split()]
        again = ingest.records(lake.spark, damaged, adapter, snapshot=snapshot, settings=settings)
        _quarantine(lake, run, again, adapter.name)
    counts = {name: int(told[name]) for name in ("records", "documents", "quarantined")}
    counts["duplicates"] = counts["records"] - counts["documents"] - counts["quarantined"]
    return counts, notes(adapter, settings, documents=counts["documents"], urls=told["urls"])


def notes(adapter: Adapter, settings: IngestSettings, *, documents: int, urls: int) -> tuple[str, ...]:
    """Say which settings fitted nothing: a URL column that no record has, columns of a source that has its own.

    A text or id column that no record has puts all of them into quarantine, which says so.
    """
    generic = adapter.name in GENERIC
    lines = []
    unused = () if generic else [key for key in COLUMNS if getattr(settings, key) != getattr(IngestSettings(), key)]
    if unused:
        lines.append(f"Not used: ingest.{', ingest.'.join(unused)}; the columns of {adapter.name} are known.")
    if adapter.url_column is not None and documents and not urls:
        other = "; --url-column names another column" if generic else ""
        lines.append(f"No document has a URL: no record has one in {adapter.url_column}{other}.")
    return tuple(lines)


def _files_to_write(lake: Lake, units: list[Unit], settings: IngestSettings) -> int:
    # Web text takes about as many bytes in the zstd pages of Parquet as it takes in a compressed dump.
    return max(parallelism(lake.spark), ceil(_bytes(units) / settings.target_file_bytes))


def _bytes(units: list[Unit]) -> int:
    return sum(part.end - part.start for unit in units for part in unit.slices)


def _quarantine(lake: Lake, run: Run, records: DataFrame, source: str) -> None:
    """Append those of a source's records that are bad and not in `quarantine` yet."""
    known = lake.read("quarantine").where(F.col("source") == source).select("record_id")
    bad = ingest.quarantined(records, run_id=run.run_id)
    lake.append("quarantine", bad.join(known, "record_id", "left_anti"), run.commit())


def publish(lake: Lake, documents: DataFrame, run: Run) -> int:
    """Append documents to `corpus` as no pass has touched them, and give the version that holds them.

    Raises:
        RunError: Another command published at the same time.
    """
    before = lake.newest("corpus")
    rows = unrefined(documents).withColumn("run_id", F.lit(run.run_id))
    return lake.append_after("corpus", rows, run.commit(), after=before)


def _outcomes(lake: Lake, version: int | None, *, new: int, is_first: bool) -> dict[str, int]:
    """Count the corpus that an ingest left, by outcome; the first one leaves the new documents and nothing else."""
    if version is None:
        return {}
    if is_first:
        return {**dict.fromkeys((*OUTCOMES, "words_before", "words_after"), 0), "not_run": new}
    return ledger.outcome_counts(lake, version)
