"""The straight line: the stages in order, with the tables that each one reads and writes.

    files ──ingest──▶ documents ──refine──▶ programs ──apply──▶ corpus

Every function here may be called again at any time: what is done is not done again, and what a killed command left half
done is finished first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from prox_spark.config import load
from prox_spark.pipeline._apply import ApplySummary, apply_pass
from prox_spark.pipeline._ingest import IngestSummary, ingest_files
from prox_spark.pipeline._refine import refine_pass
from prox_spark.pipeline._summary import RefineSummary
from prox_spark.pipeline.progress import Progress, Step
from prox_spark.pipeline.recovery import recover

if TYPE_CHECKING:
    from prox_spark.config import Config, IngestSettings, MlflowSettings
    from prox_spark.lake.tables import Lake

__all__ = [
    "ApplySummary",
    "IngestSummary",
    "Progress",
    "RefineSummary",
    "Step",
    "apply",
    "ingest",
    "refine",
    "run",
]


def run(
    lake: Lake, config: Config | None = None, progress: Progress | None = None
) -> tuple[tuple[RefineSummary, ApplySummary], ...]:
    """Take the lake through all passes of the configuration, each one refined, then applied.

    Args:
        lake: The lake.
        config: Passes, engines, wave size; None takes the defaults.
        progress: Called now and then.

    Raises:
        EngineError: A pass's model cannot be found.
        LakeError: Nothing was ingested yet.
        RunError: Another command published at the same time.
    """
    config = config or load()
    recover(lake)
    summaries = []
    for settings in config.passes:
        refined = refine_pass(lake, settings.name, config, progress)
        applied = apply_pass(lake, settings.name, config, progress)
        summaries.append((refined, applied))
    return tuple(summaries)


def ingest(
    lake: Lake,
    source: str,
    paths: Sequence[str],
    *,
    snapshot: str | None = None,
    config: Config | None = None,
    settings: IngestSettings | None = None,
    mlflow: MlflowSettings | None = None,
    progress: Progress | None = None,
) -> IngestSummary:
    """Bring files into `documents`, their bad records into `quarantine`, and publish the new documents to `corpus`.

    Args:
        lake: The lake.
        source: `c4`, `fineweb`, `redpajama-v2`, `openwebmath`, `jsonl`, `parquet` or `table`.
        paths: Files, folders or globs, of any file system that Spark reads.
        snapshot: Name of the crawl; None takes it from the records or the paths.
        config: How files become documents, and where that is logged besides `runs`; None takes the defaults.
        settings: Its section `ingest` alone, for callers of before there was `config`; it wins.
        mlflow: Its section `mlflow` alone, likewise.
        progress: Called now and then.

    Raises:
        SourceError: There is no such source, or a path matches nothing.
        RunError: Another command published at the same time.
    """
    config = config or load()
    recover(lake)
    return ingest_files(
        lake,
        source,
        paths,
        snapshot=snapshot,
        settings=settings or config.ingest,
        mlflow=mlflow or config.mlflow,
        progress=progress,
    )


def refine(
    lake: Lake, pass_name: str, *, config: Config | None = None, progress: Progress | None = None
) -> RefineSummary:
    """Write the programs that a pass still lacks, in waves of one Spark job and one commit each.

    Args:
        lake: The lake.
        pass_name: A pass of the configuration; its texts are those that the passes before it leave.
        config: Passes, engines, wave size; None takes the defaults.
        progress: Called before the first and after every wave.

    Raises:
        ConfigError: The configuration has no such pass.
        EngineError: The pass's model cannot be found.
    """
    recover(lake)
    return refine_pass(lake, pass_name, config or load(), progress)


def apply(
    lake: Lake, pass_name: str, *, config: Config | None = None, progress: Progress | None = None
) -> ApplySummary:
    """Execute the programs of a pass and publish the result as one version of `corpus`.

    Every document goes through the configured passes in order, each once. One that lacks a program stays as it is; one
    that went through other passes than these starts again from `documents`.

    Args:
        lake: The lake.
        pass_name: A pass of the configuration.
        config: The passes and their policies; None takes the defaults.
        progress: Called before and after.

    Raises:
        ConfigError: The configuration has no such pass.
        LakeError: Nothing was ingested yet.
        RunError: Another command published at the same time.
    """
    recover(lake)
    return apply_pass(lake, pass_name, config or load(), progress)
