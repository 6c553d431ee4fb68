"""Refine: texts that lack a program of a pass get one, in waves of one Spark job and one commit to `programs` each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from math import ceil
from typing import TYPE_CHECKING

from pyspark.sql import Observation

from prox_spark import engines, passes, tracking
from prox_spark.lake import ledger
from prox_spark.lake.ledger import Run
from prox_spark.lake.tables import Lake
from prox_spark.passes import AnyPass, NearDuplicatesPass
from prox_spark.pipeline import catch_up, probe
from prox_spark.pipeline._near_duplicates import refine_near_duplicates
from prox_spark.pipeline._summary import RefineSummary
from prox_spark.pipeline.progress import Progress, Step, forward, live, tell
from prox_spark.spark import accelerator, gpus
from prox_spark.spark.in_flight import in_flight
from prox_spark.spark.settings import kept, observed
from prox_spark.stages import refine

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from prox_spark.config import Config
    from prox_spark.passes import Pass
    from prox_spark.pipeline.catch_up import Pending
    from prox_spark.spark.tally import Tally

EDITED_WAVES = 16
"""Most waves over texts that only `corpus` holds: it is not ordered by shard, so each such wave reads all of it."""


@dataclass(frozen=True, slots=True)
class Usage:
    """What the waves of a refine took; `task_seconds` and what follows are `stages.refine.SPENT` and `TAKEN`."""

    texts: int = 0
    errors: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    task_seconds: float = 0.0
    gpu_seconds: float = 0.0
    load_seconds: float = 0.0
    loads: float = 0.0
    gpu_watched_seconds: float = 0.0
    gpu_busy_seconds: float = 0.0
    max_sequences: float = 0.0
    max_batched_tokens: float = 0.0
    engines_per_gpu: float = 0.0

    @property
    def tokens(self) -> int:
        """Sum up prompt and output tokens."""
        return self.prompt_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        """Sum up two waves; what engines took is the most of either.

        >>> both = Usage(texts=2, max_sequences=1024.0) + Usage(texts=3, max_sequences=1024.0)
        >>> both.texts, both.max_sequences
        (5, 1024.0)
        """
        both = {name: (mine, asdict(other)[name]) for name, mine in asdict(self).items()}
        return Usage(**{name: max(pair) if name in refine.TAKEN else sum(pair) for name, pair in both.items()})


def refine_pass(lake: Lake, pass_name: str, config: Config, progress: Progress | None) -> RefineSummary:
    """Write the programs that the pass lacks, and record the run."""
    chain = passes.up_to(config, pass_name)
    pass_ = chain[-1]
    if isinstance(pass_, NearDuplicatesPass):
        return refine_near_duplicates(lake, chain, pass_, config, progress)
    accelerator.check(lake.spark)  # one that cannot be used says so now, and not after hours of refining
    run = Run.start("refine", pass_name=pass_name, conf=passes.conf(config, chain))
    waves, duplicates_saved = _write_waves(lake, run, chain, pass_, config, progress)
    if not waves:
        return RefineSummary(run.run_id, pass_name, 0, 0, 0, 0, 0, run.seconds)
    summary = _summary(run, pass_, waves, duplicates_saved)
    row = ledger.record(lake, run, fingerprint=pass_.fingerprint, **_columns(summary, config.refine.gpu_hour_price))
    tracking.log(config.mlflow, tracking.written(lake.location, row, tracking.settings_of(config)))
    return summary


def _write_waves(
    lake: Lake, run: Run, chain: tuple[AnyPass, ...], pass_: Pass, config: Config, progress: Progress | None
) -> tuple[list[Usage], int]:
    """Have every text that lacks a program get one; give what each wave took, and how many duplicates were saved.

    Where Spark gives each task an engine of its own, two waves are in flight: GPUs that the first has no more work for
    take up the second, while the last tasks of the first end and it is committed.
    """
    shards = ledger.shards(lake, default=config.ingest.shards)
    share = gpus.share(lake.spark, pass_.engine, config.refine.partitions)
    pending = catch_up.pending(lake, chain, shards)
    with kept(pending.lacking):
        total, copies = pending.count()
        waves = min(ceil(total / config.refine.wave_texts), shards if pending.in_shards else EDITED_WAVES)
        stage, usages = f"refine {pass_.name}", list[Usage]()
        progress = forward(progress)
        tell(progress, stage, 0, total)
        share = gpus.recut(share, share, most=total)
        if waves:
            _preflight(pending, pass_, share, config)

        def write(wave: int, tally: Tally | None) -> Usage:
            texts = pending.texts(wave * shards // waves, (wave + 1) * shards // waves - 1)
            cut = gpus.recut(share, gpus.share(lake.spark, pass_.engine, config.refine.partitions), most=total)
            return _write_wave(lake, run, wave, texts, pass_, cut, config.refine.batch_texts, tally)

        with live(lake.spark, progress, Step(stage, 0, total)) as tally:
            jobs = (partial(write, wave, tally) for wave in range(waves))
            for usage in in_flight(lake.spark, jobs, most=share.waves):
                usages.append(usage)
                done = sum(usages, Usage())
                tell(progress, stage, done.texts, total, done.tokens)
        return usages, copies - total


def _preflight(pending: Pending, pass_: Pass, share: gpus.Share, config: Config) -> None:
    """Have a model answer for a handful of texts, so that one that does not fit fails now and not after a night."""
    number = config.refine.preflight_texts
    if not engines.kind_of(pass_.engine).preflight or not number:
        return
    texts = probe.sample(pending, number)
    answers = probe.probe(texts, pass_, share, batch_texts=config.refine.batch_texts)
    probe.check(answers, pass_, config.refine.preflight_share)


def _write_wave(
    lake: Lake,
    run: Run,
    wave: int,
    texts: DataFrame,
    pass_: Pass,
    share: gpus.Share,
    batch_texts: int,
    tally: Tally | None,
) -> Usage:
    """Write the programs of some texts in one commit, and give what they took."""
    observation = Observation()
    programs = refine.refine(texts, pass_, run_id=run.run_id, share=share, batch_texts=batch_texts, tally=tally)
    lake.append("programs", programs.observe(observation, *ledger.usage(), *refine.spent()), run.commit(wave))
    return Usage(**observed(observation))


def _summary(run: Run, pass_: Pass, waves: Sequence[Usage], duplicates_saved: int) -> RefineSummary:
    usage = sum(waves, Usage())
    return RefineSummary(
        run.run_id,
        pass_.name,
        texts=usage.texts,
        waves=len(waves),
        errors=usage.errors,
        prompt_tokens=usage.prompt_tokens,
        output_tokens=usage.output_tokens,
        seconds=run.seconds,
        duplicates_saved=duplicates_saved,
        loads=round(usage.loads),
        loads_by_wave=tuple(round(wave.loads) for wave in waves),
        load_seconds=usage.load_seconds,
        engine_seconds=usage.task_seconds,
        gpu_seconds=usage.gpu_seconds,
        gpu_idle_share=refine.gpu_idle_share(usage.gpu_watched_seconds, usage.gpu_busy_seconds),
        max_sequences=round(usage.max_sequences),
        max_batched_tokens=round(usage.max_batched_tokens),
        engines_per_gpu=round(usage.engines_per_gpu),
        engine=pass_.engine.kind,
    )


def _columns(summary: RefineSummary, gpu_hour_price: float | None) -> dict[str, object]:
    """Give the columns of `runs` that say what a refine did and what it cost."""
    counted = ("texts", "errors", "waves", "duplicates_saved", "loads")
    counts: dict[str, object] = {name: getattr(summary, name) for name in counted}
    counts |= {name: round(getattr(summary, name), 3) for name in ("load_seconds", "engine_seconds")}
    counts["loads_by_wave"] = list(summary.loads_by_wave)
    counts |= {name: getattr(summary, name) for name in refine.TAKEN if getattr(summary, name)}
    if summary.gpu_idle_share is not None:
        counts["gpu_idle_share"] = round(summary.gpu_idle_share, 3)
    tokens = summary.prompt_tokens + summary.output_tokens
    counts["tokens_per_second"] = round(tokens / summary.seconds, 1) if summary.seconds else None
    return {
        "counts": counts,
        "prompt_tokens": summary.prompt_tokens,
        "output_tokens": summary.output_tokens,
        "gpu_seconds": summary.gpu_seconds,
        "cost": None if gpu_hour_price is None else summary.gpu_seconds / 3600 * gpu_hour_price,
    }
