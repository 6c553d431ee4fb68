"""Refine: texts that lack a program of a pass get one, in waves of one Spark job and one commit to `programs` each."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from math import ceil
from typing import TYPE_CHECKING

from pyspark.sql import Observation

from prox_spark import engines, passes, tracking
from prox_spark.lake import ledger
from prox_spark.lake.ledger import Run
from prox_spark.lake.tables import Lake
from prox_spark.pipeline import catch_up, probe
from prox_spark.pipeline.progress import Progress, Step, live, tell
from prox_spark.spark import accelerator, gpus
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
class RefineSummary:
    """What one refine did; zeros when every text had its program already.

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
class Usage:
    """What the waves of a refine took; `task_seconds` and the like are those of `stages.refine.SPENT`."""

    texts: int = 0
    errors: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    task_seconds: float = 0.0
    gpu_seconds: float = 0.0
    load_seconds: float = 0.0
    loads: float = 0.0
    duplicates_saved: int = 0

    @property
    def tokens(self) -> int:
        """Sum up prompt and output tokens."""
        return self.prompt_tokens + self.output_tokens

    def __add__(self, other: Usage) -> Usage:
        """Sum up two waves."""
        return Usage(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


def refine_pass(lake: Lake, pass_name: str, config: Config, progress: Progress | None) -> RefineSummary:
    """Write the programs that the pass lacks, and record the run."""
    chain = passes.up_to(config, pass_name)
    pass_ = chain[-1]
    accelerator.check(lake.spark)  # one that cannot be used says so now, and not after hours of refining
    run = Run.start("refine", pass_name=pass_name, conf=passes.conf(config, pass_))
    waves, usage = _write_waves(lake, run, chain, config, progress)
    if waves == 0:
        return RefineSummary(run.run_id, pass_name, 0, 0, 0, 0, 0, run.seconds)
    summary = _summary(run, pass_, waves, usage)
    row = ledger.record(lake, run, fingerprint=pass_.fingerprint, **_columns(summary, config.refine.gpu_hour_price))
    tracking.log(config.mlflow, tracking.written(lake.location, row, tracking.settings_of(config)))
    return summary


def _write_waves(
    lake: Lake, run: Run, chain: tuple[Pass, ...], config: Config, progress: Progress | None
) -> tuple[int, Usage]:
    """Have every text that lacks a program get one; give the number of waves and what they took."""
    pass_, shards = chain[-1], ledger.shards(lake, default=config.ingest.shards)
    share = gpus.share(lake.spark, pass_.engine, config.refine.partitions)
    pending = catch_up.pending(lake, chain, shards)
    pending.lacking.persist()
    try:
        total, copies = pending.count()
        waves = min(ceil(total / config.refine.wave_texts), shards if pending.in_shards else EDITED_WAVES)
        usage = Usage(duplicates_saved=copies - total)
        tell(progress, f"refine {pass_.name}", 0, total)
        if waves:
            _preflight(pending, pass_, share, config)
        for wave in range(waves):
            texts = pending.texts(wave * shards // waves, (wave + 1) * shards // waves - 1)
            begun = Step(f"refine {pass_.name}", usage.texts, total, usage.tokens)
            with live(lake.spark, progress, begun) as tally:
                usage += _write_wave(lake, run, wave, texts, pass_, share, config.refine.batch_texts, tally)
            tell(progress, begun.stage, usage.texts, total, usage.tokens)
        return waves, usage
    finally:
        pending.lacking.unpersist()


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
    return Usage(**observation.get)


def _summary(run: Run, pass_: Pass, waves: int, usage: Usage) -> RefineSummary:
    return RefineSummary(
        run.run_id,
        pass_.name,
        texts=usage.texts,
        waves=waves,
        errors=usage.errors,
        prompt_tokens=usage.prompt_tokens,
        output_tokens=usage.output_tokens,
        seconds=run.seconds,
        duplicates_saved=usage.duplicates_saved,
        loads=round(usage.loads),
        load_seconds=usage.load_seconds,
        engine_seconds=usage.task_seconds,
        gpu_seconds=usage.gpu_seconds,
        engine=pass_.engine.kind,
    )


def _columns(summary: RefineSummary, gpu_hour_price: float | None) -> dict[str, object]:
    """Give the columns of `runs` that say what a refine did and what it cost."""
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
        "cost": None if gpu_hour_price is None else summary.gpu_seconds / 3600 * gpu_hour_price,
    }
