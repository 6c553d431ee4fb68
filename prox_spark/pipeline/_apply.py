"""Apply: the stored programs of a pass, executed on the texts before it, become the next version of `corpus`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import Observation

from prox_spark import passes, tracking
from prox_spark.errors import LakeError
from prox_spark.lake import ledger
from prox_spark.lake.ledger import Run
from prox_spark.lake.rows import predicate
from prox_spark.lake.tables import Lake
from prox_spark.pipeline import catch_up
from prox_spark.pipeline.progress import Progress, tell
from prox_spark.program.operations import OUTCOMES
from prox_spark.spark.settings import observed_if_told

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from prox_spark.config import Config


@dataclass(frozen=True, slots=True)
class ApplySummary:
    """The corpus after one apply, counted by outcome; `version` is None when there was nothing to change."""

    run_id: str
    pass_name: str
    version: int | None
    kept: int
    edited: int
    dropped: int
    failed: int
    not_run: int
    words_before: int
    words_after: int
    seconds: float


def apply_pass(lake: Lake, pass_name: str, config: Config, progress: Progress | None) -> ApplySummary:
    """Publish the corpus as the passes up to the named one leave it, and record the run."""
    chain = passes.up_to(config, pass_name)
    before = lake.newest("corpus")
    if before is None:
        raise LakeError(f"the lake {lake.location} holds no documents yet; run prox-spark ingest first")
    conf = passes.conf(config, chain)
    run = Run.start("apply", pass_name=pass_name, conf=conf, passes=passes.Chain.of(chain))
    total = lake.count("corpus")
    tell(progress, f"apply {pass_name}", 0, total)
    rows, touched = catch_up.applied(lake, chain, version=before, run_id=run.run_id)
    version, counts = _replace(lake, run, rows, touched, before) if touched else (None, _NOTHING)
    if sum(counts[name] for name in OUTCOMES) != total:  # some partitions were not touched
        counts = ledger.outcome_counts(lake, version)
    tell(progress, f"apply {pass_name}", total, total)
    if version is not None:
        row = ledger.record(
            lake,
            run,
            fingerprint=chain[-1].fingerprint,
            corpus_version=version,
            counts=counts,
            versions_read={"corpus": before},
            versions_written={"corpus": version},
        )
        tracking.log(config.mlflow, tracking.written(lake.location, row, tracking.settings_of(config)))
    return ApplySummary(run.run_id, pass_name, version, **counts, seconds=run.seconds)


_NOTHING = dict.fromkeys((*OUTCOMES, "words_before", "words_after"), 0)


def _replace(
    lake: Lake, run: Run, rows: DataFrame, touched: list[tuple[str, str]], before: int
) -> tuple[int, dict[str, int]]:
    """Write the touched partitions in one commit; give its version and the outcomes of the rows in them."""
    inside, observation = predicate(touched), Observation()
    written = rows.where(inside).observe(observation, *ledger.outcomes())
    version = lake.replace(written, run.commit(), where=inside, after=before)
    told = observed_if_told(observation)  # what it does not tell is counted once more by the caller
    return version, _NOTHING if told is None else {name: int(number) for name, number in told.items()}
