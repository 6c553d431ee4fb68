"""The straight line: the stages in order, with the tables that each one reads and writes.

    files ──ingest──▶ documents ──refine──▶ programs ──apply──▶ corpus

Every function here may be called again at any time: what is done is not done again, and what a killed command left half
done is finished first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

from pyspark.sql import Observation
from pyspark.sql import functions as F

from prox_spark import engines, tracking
from prox_spark import passes as passes_
from prox_spark.errors import LakeError
from prox_spark.lake import ledger, tables, views
from prox_spark.lake.ledger import Run
from prox_spark.lake.tables import Lake
from prox_spark.passes import Pass
from prox_spark.pipeline import catch_up
from prox_spark.pipeline import probe as probing
from prox_spark.program.operations import OUTCOMES
from prox_spark.spark import accelerator, gpus
from prox_spark.spark.session import parallelism, shares_disk
from prox_spark.spark.tally import Tally, watched
from prox_spark.stages import apply as applying
from prox_spark.stages import ingest as ingesting
from prox_spark.stages import refine as refining

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from prox_spark.config import Config, IngestSettings, MlflowSettings
    from prox_spark.sources import Adapter, Unit

EDITED_WAVES = 16
"""Most waves over texts that only `corpus` holds: it is not ordered by shard, so each such wave reads all of it."""

EMPTY = 0
"""The version of `documents` that creates the table; only an ingest makes another."""


@dataclass(frozen=True, slots=True)
class Step:
    """Say how far a command is.

    Attributes:
        stage: `ingest`, `publish`, `refine doc`, `apply doc`, …
        done: Documents (or texts) done so far.
        total: All of them; 0 while unknown.
        tokens: Prompt and output tokens so far.
        exact: False where the total is an estimate.
    """

    stage: str
    done: int
    total: int
    tokens: int = 0
    exact: bool = True


Progress = Callable[[Step], None]


@dataclass(frozen=True, slots=True)
class IngestSummary:
    """Count what one ingest did: records = documents + duplicates + quarantined."""

    run_id: str
    records: int
    documents: int
    duplicates: int
    quarantined: int
    corpus_version: int | None
    seconds: float


@dataclass(frozen=True, slots=True)
class RefineSummary:
    """Count what one refine did; zeros when every text had its program already.

    Attributes:
        texts: Distinct texts that got a program.
        duplicates_saved: Further documents with one of these texts, which cost nothing.
        loads: How often a model was loaded, over all workers.
        load_seconds: Time that loading took, summed over the workers.
        engine_seconds: Time that tasks held their engine, loading included, summed over the tasks.
        gpu_seconds: The part of it on a GPU.
        engine: Kind of the engine that answered; for `auto`, the one that was taken.
    """

    run_id: str
    pass_name: str
    texts: int
    waves: int
    errors: int
    prompt_tokens: int
    output_tokens: int
    seconds: float
    duplicates_saved: int = 0
    loads: int = 0
    load_seconds: float = 0.0
    engine_seconds: float = 0.0
    gpu_seconds: float = 0.0
    engine: str = ""


@dataclass(frozen=True, slots=True)
class ApplySummary:
    """Count the corpus after one apply, by outcome; `version` is None when there was nothing to change."""

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


def run(lake: Lake, config: Config, progress: Progress | None = None) -> tuple[tuple[RefineSummary, ApplySummary], ...]:
    """Take the lake through all passes of the configuration, each one refined, then applied."""
    recover(lake)
    names = [item.name for item in config.passes]
    return tuple((_refine(lake, name, config, progress), _apply(lake, name, config, progress)) for name in names)


def ingest(
    lake: Lake,
    source: str,
    paths: Sequence[str],
    *,
    snapshot: str | None = None,
    settings: IngestSettings,
    mlflow: MlflowSettings | None = None,
    progress: Progress | None = None,
) -> IngestSummary:
    """Bring files into `documents`, their bad records into `quarantine`, and publish the new documents to `corpus`.

    Args:
        lake: The lake.
        source: `c4`, `fineweb`, `redpajama-v2`, `openwebmath`, `jsonl` or `parquet`.
        paths: Files, folders or globs, of any file system that Spark reads.
        snapshot: Name of the crawl; None takes it from the records or the paths.
        settings: How files become documents.
        mlflow: Where the ingest is logged besides `runs`, if anywhere.
        progress: Called now and then.

    Raises:
        SourceError: There is no such source, or a path matches nothing.
    """
    adapter = ingesting.adapter(source, settings)
    units = ingesting.files(lake.spark, adapter, paths, settings=settings)
    recover(lake)
    started = Run.start("ingest", conf=json.dumps(settings.model_dump()), passes=passes_.chain(()))
    tell(progress, "ingest", 0)
    with _live(lake, progress, Step("ingest", 0, 0), _bytes(units)) as tally:
        counted = _ingest_documents(lake, started, adapter, units, snapshot, settings, tally)
    tell(progress, "publish", counted["documents"])
    first = not lake.exists("corpus")
    version = _publish(lake, started) if counted["documents"] else None
    summary = IngestSummary(started.run_id, **counted, corpus_version=version, seconds=started.seconds)
    if counted["documents"] or counted["quarantined"]:
        counts = counted | _outcomes(lake, counted, version, first=first)
        row = ledger.record(lake, started, corpus_version=version, counts=counts)
        tracking.log(mlflow, tracking.written(lake.location, row, {"ingest": settings.model_dump()}))
    return summary


def refine(lake: Lake, pass_name: str, *, config: Config, progress: Progress | None = None) -> RefineSummary:
    """Write the programs that a pass still lacks, in waves of one Spark job and one commit each.

    Args:
        lake: The lake.
        pass_name: A pass of the configuration; its texts are those that the passes before it leave.
        config: Passes, engines, wave size.
        progress: Called before the first and after every wave.

    Raises:
        ConfigError: The configuration has no such pass.
        EngineError: The pass's model cannot be found.
    """
    recover(lake)
    return _refine(lake, pass_name, config, progress)


def _refine(lake: Lake, pass_name: str, config: Config, progress: Progress | None) -> RefineSummary:
    passes = up_to(config, pass_name)
    this = passes[-1]
    accelerator.is_there(lake.spark)  # one that cannot be used says so now, and not after hours of refining
    started = Run.start("refine", pass_name=pass_name, conf=_pass_conf(config, this))
    waves, total = _refine_waves(lake, started, passes, config, progress)
    if waves == 0:
        return RefineSummary(started.run_id, pass_name, 0, 0, 0, 0, 0, started.seconds)
    summary = RefineSummary(
        started.run_id,
        pass_name,
        texts=total.texts,
        waves=waves,
        errors=total.errors,
        prompt_tokens=total.prompt_tokens,
        output_tokens=total.output_tokens,
        seconds=started.seconds,
        duplicates_saved=total.duplicates_saved,
        loads=round(total.loads),
        load_seconds=total.load_seconds,
        engine_seconds=total.task_seconds,
        gpu_seconds=total.gpu_seconds,
        engine=this.engine.kind,
    )
    row = ledger.record(lake, started, fingerprint=this.fingerprint, **_refine_record(summary, config))
    tracking.log(config.mlflow, tracking.written(lake.location, row, tracking.settings_of(config)))
    return summary


def apply(lake: Lake, pass_name: str, *, config: Config, progress: Progress | None = None) -> ApplySummary:
    """Execute the programs of a pass and publish the result as one version of `corpus`.

    Every document goes through the configured passes in order, each once. One that lacks a program stays as it is; one
    that went through other passes than these starts again from `documents`.

    Raises:
        ConfigError: The configuration has no such pass.
        LakeError: Nothing was ingested yet.
        RunError: Another command published at the same time.
    """
    recover(lake)
    return _apply(lake, pass_name, config, progress)


def _apply(lake: Lake, pass_name: str, config: Config, progress: Progress | None) -> ApplySummary:
    passes = up_to(config, pass_name)
    before = lake.version("corpus")
    if before is None:
        raise LakeError(f"the lake {lake.location} holds no documents yet; run prox-spark ingest first")
    started = Run.start("apply", pass_name=pass_name, conf=_pass_conf(config, passes[-1]), passes=passes_.chain(passes))
    total = lake.count("corpus")
    tell(progress, f"apply {pass_name}", 0, total)
    rows, touched = catch_up.applied(lake, passes, version=before, run_id=started.run_id)
    version, counts = None, dict.fromkeys((*OUTCOMES, "words_before", "words_after"), 0)
    if touched:
        inside, seen = tables.predicate(touched), Observation()
        written = rows.where(inside).observe(seen, *ledger.outcomes())
        version = lake.replace(written, started.commit(), where=inside, after=before)
        counts = {name: int(number) for name, number in seen.get.items()}
    if sum(counts[name] for name in OUTCOMES) != total:  # some partitions were not touched
        counts = ledger.outcome_counts(lake, version)
    tell(progress, f"apply {pass_name}", total, total)
    if version is not None:
        row = ledger.record(
            lake,
            started,
            fingerprint=passes[-1].fingerprint,
            corpus_version=version,
            counts=counts,
            versions_read={"corpus": before},
            versions_written={"corpus": version},
        )
        tracking.log(config.mlflow, tracking.written(lake.location, row, tracking.settings_of(config)))
    return ApplySummary(started.run_id, pass_name, version, **counts, seconds=started.seconds)


def recover(lake: Lake) -> None:
    """Finish what a killed command left half done: publish its documents, write its row of `runs`."""
    if not lake.exists("corpus") and lake.newest("documents") <= EMPTY:
        return
    ledger.heal(lake)
    published = lake.read("corpus").select("doc_id")
    if lake.count("documents") == published.count():
        return
    missing = lake.read("documents").join(published, "doc_id", "left_anti")
    if missing.isEmpty():  # a killed forget has rows left to remove, which only it can: it knows the ids
        return
    healing = Run.start("ingest", passes=passes_.chain(()))
    version = _append_corpus(lake, missing, healing)
    ledger.record(lake, healing, status="healed", corpus_version=version, counts=ledger.outcome_counts(lake, version))


def up_to(config: Config, pass_name: str) -> tuple[Pass, ...]:
    """Give the passes of the configuration up to and with the named one.

    Raises:
        ConfigError: There is no such pass.
    """
    config.find_pass(pass_name)
    names = [item.name for item in config.passes]
    return passes_.resolve(config)[: names.index(pass_name) + 1]


def tell(progress: Progress | None, stage: str, done: int, total: int = 0, tokens: int = 0) -> None:
    """Pass a step on to whoever listens."""
    if progress is not None:
        progress(Step(stage, done, total, tokens))


@contextmanager
def _live(lake: Lake, progress: Progress | None, begun: Step, size: int = 0) -> Iterator[Tally | None]:
    """Tell what the workers do beyond `begun` while a job of theirs runs, where they share a disk with this process.

    Args:
        lake: The lake.
        progress: Whoever listens.
        begun: What was done before.
        size: Bytes of the whole input, where nothing else says how much there is to do.
    """
    if progress is None or not shares_disk(lake.spark):
        yield None
        return

    def told(documents: int, tokens: int, read: int) -> None:
        done = begun.done + documents
        total = round(done * size / read) if 0 < read < size else begun.total
        if documents and (not total or done < total):  # the last step is told by the job's own count
            progress(Step(begun.stage, done, total, begun.tokens + tokens, exact=not size))

    with watched(told) as tally:
        yield tally


# -- ingest, step by step ----------------------------------------------------------------------------------------------


def _ingest_documents(
    lake: Lake,
    started: Run,
    adapter: Adapter,
    units: list[Unit],
    snapshot: str | None,
    settings: IngestSettings,
    tally: Tally | None,
) -> dict[str, int]:
    """Write the new documents in one commit, then the bad records of the units that have some; give the counts."""
    before = lake.newest("documents")
    found = ingesting.records(lake.spark, units, adapter, snapshot=snapshot, settings=settings, tally=tally)
    seen = Observation()
    have = lake.read("documents").where(F.col("source") == adapter.name).select("doc_id", "shard")
    is_first = before <= EMPTY
    new = ingesting.documents(
        found,
        None if is_first else have,
        run_id=started.run_id,
        shards=settings.shards if is_first else shards(lake, settings),
        partitions=_files_to_write(lake, units, settings),
        observation=seen,
    )
    lake.append_after("documents", new, started.commit(), after=before)
    counts = seen.get
    if counts["quarantined"]:
        damaged = [units[int(number)] for number in counts["damaged"].split()]
        again = ingesting.records(lake.spark, damaged, adapter, snapshot=snapshot, settings=settings)
        bad = ingesting.quarantined(again, run_id=started.run_id)
        known = lake.read("quarantine").where(F.col("source") == adapter.name).select("record_id")
        lake.append("quarantine", bad.join(known, "record_id", "left_anti"), started.commit())
    records, documents, quarantined = (int(counts[name]) for name in ("records", "documents", "quarantined"))
    duplicates = records - documents - quarantined
    return {"records": records, "documents": documents, "duplicates": duplicates, "quarantined": quarantined}


def _files_to_write(lake: Lake, units: list[Unit], settings: IngestSettings) -> int:
    # Web text takes about as many bytes in the zstd pages of Parquet as it takes in a compressed dump.
    return max(parallelism(lake.spark), ceil(_bytes(units) / settings.target_file_bytes))


def _bytes(units: list[Unit]) -> int:
    return sum(part.end - part.start for unit in units for part in unit.slices)


def _outcomes(lake: Lake, counted: dict[str, int], version: int | None, *, first: bool) -> dict[str, int]:
    """Count the corpus that an ingest left, by outcome; the first one leaves what it has just counted."""
    if version is None:
        return {}
    if first:
        return {**dict.fromkeys((*OUTCOMES, "words_before", "words_after"), 0), "not_run": counted["documents"]}
    return ledger.outcome_counts(lake, version)


def _publish(lake: Lake, started: Run) -> int:
    new = lake.read("documents").where(F.col("ingest_run_id") == started.run_id)
    return _append_corpus(lake, new, started)


def _append_corpus(lake: Lake, documents: DataFrame, started: Run) -> int:
    before = lake.newest("corpus")
    rows = applying.unrefined(documents).withColumn("run_id", F.lit(started.run_id))
    return lake.append_after("corpus", rows, started.commit(), after=before)


# -- refine, step by step ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Usage:
    """Sum up what the waves of a refine took; `task_seconds` and the like are those of `refining.SPENT`."""

    texts: int = 0
    errors: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    task_seconds: float = 0.0
    gpu_seconds: float = 0.0
    load_seconds: float = 0.0
    loads: float = 0.0
    duplicates_saved: int = 0

    def plus(self, **more: float) -> Usage:
        """Give the sums with those of another wave added."""
        return replace(self, **{name: getattr(self, name) + value for name, value in more.items()})


def _refine_record(summary: RefineSummary, config: Config) -> dict[str, object]:
    """Give the columns of `runs` that say what a refine did and what it cost."""
    price = config.refine.gpu_hour_price
    counted = ("texts", "errors", "waves", "duplicates_saved", "loads")
    counts: dict[str, object] = {name: getattr(summary, name) for name in counted}
    counts |= {name: round(getattr(summary, name), 3) for name in ("load_seconds", "engine_seconds")}
    tokens = summary.prompt_tokens + summary.output_tokens
    counts["tokens_per_second"] = round(tokens / summary.seconds, 1) if summary.seconds else None
    return {
        "counts": counts,
        "prompt_tokens": summary.prompt_tokens,
        "output_tokens": summary.output_tokens,
        "gpu_seconds": summary.gpu_seconds,
        "cost": None if price is None else summary.gpu_seconds / 3600 * price,
    }


def pending(lake: Lake, passes: tuple[Pass, ...], shards: int) -> tuple[DataFrame, bool, DataFrame]:
    """Give the texts that the last of `passes` reads, whether they lie in shards, and which still lack a program.

    Those are rows of hash, shard and number of copies, from the one anti join behind resume, re-runs and new dumps.
    """
    source, in_shards = catch_up.texts(lake, passes, shards)
    have = lake.read("programs").where(applying.is_of(passes[-1])).select("text_sha256")
    distinct = source.groupBy("text_sha256", "shard").agg(F.count(F.lit(1)).alias("copies"))
    return source, in_shards, distinct.join(have, "text_sha256", "left_anti")


def _preflight(source: DataFrame, waiting: DataFrame, this: Pass, share: gpus.Share, config: Config) -> None:
    """Have a model answer for a handful of texts, so that one that does not fit fails now and not after a night."""
    wanted = config.refine.preflight_texts
    if not engines.kind_of(this.engine).preflight or not wanted:
        return
    texts = probing.sample(waiting, source, wanted)
    found = probing.probe(texts, this, share, batch_texts=config.refine.batch_texts)
    probing.check(found, this, config.refine.preflight_share)


def _refine_waves(
    lake: Lake, started: Run, passes: tuple[Pass, ...], config: Config, progress: Progress | None
) -> tuple[int, Usage]:
    this = passes[-1]
    number = shards(lake, config.ingest)
    source, in_shards, lacking = pending(lake, passes, number)
    stage = f"refine {this.name}"
    share = gpus.share(lake.spark, this.engine, config.refine.partitions)
    waiting = lacking.persist()
    try:
        total, copies = waiting.agg(F.count(F.lit(1)), F.coalesce(F.sum("copies"), F.lit(0))).collect()[0]
        waves = min(ceil(total / config.refine.wave_texts), number if in_shards else EDITED_WAVES)
        tell(progress, stage, 0, total)
        usage = Usage(duplicates_saved=copies - total)
        if waves:
            _preflight(source, waiting, this, share, config)
        for wave in range(waves):
            mine = F.col("shard").between(wave * number // waves, (wave + 1) * number // waves - 1)
            here = source.where(mine).join(waiting.where(mine).select("text_sha256"), "text_sha256", "left_semi")
            seen = Observation()
            begun = Step(stage, usage.texts, total, usage.prompt_tokens + usage.output_tokens)
            with _live(lake, progress, begun) as tally:
                frame = refining.refine(
                    here, this, run_id=started.run_id, share=share, batch_texts=config.refine.batch_texts, tally=tally
                )
                counted = frame.observe(seen, *ledger.usage(), *refining.spent())
                lake.append("programs", counted, started.commit(wave))
            usage = usage.plus(**seen.get)
            tell(progress, stage, usage.texts, total, usage.prompt_tokens + usage.output_tokens)
        return waves, usage
    finally:
        waiting.unpersist()


def shards(lake: Lake, settings: IngestSettings) -> int:
    """Give the number of shards of the lake: what its first ingest was told, for life."""
    ingests = sorted((row["run_id"], row["conf"]) for row in views.entries(lake) if row["command"] == "ingest")
    told = (json.loads(conf or "{}").get("shards") for _, conf in ingests)
    return int(next((number for number in told if number), settings.shards))


def _pass_conf(config: Config, this: Pass) -> str:
    settings = {"pass": this.key, "profile": this.profile.name, "engine": this.engine.model_dump()}
    return json.dumps(settings | {"refine": config.refine.model_dump()}, sort_keys=True)
