"""What a pass will cost, before it runs: tokens, time, GPU hours and money, from a sample of its texts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from prox_spark import passes
from prox_spark.config import load
from prox_spark.lake import ledger
from prox_spark.passes import NEAR_DUPLICATES, NearDuplicatesPass
from prox_spark.pipeline import catch_up, probe
from prox_spark.spark import gpus

if TYPE_CHECKING:
    from prox_spark.config import Config
    from prox_spark.lake.tables import Lake
    from prox_spark.pipeline.catch_up import Pending


_WARM_UP = 8
"""Texts for each engine before the sample: the first seconds of a model and of a JVM say nothing of their speed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a pass is expected to take.

    Attributes:
        pass_name: The pass.
        engine: Kind of its engine.
        engines: Models at work at the same time.
        texts: Distinct texts that have no program yet.
        duplicates_saved: Further documents with one of these texts, which will cost nothing.
        sampled: Texts that the estimate comes from.
        prompt_tokens: Expected.
        output_tokens: Expected.
        tokens_per_second: Of all engines together, loading left out.
        seconds: Expected wall time of the engines' work, loading included.
        engine_hours: Expected time of all engines together, loading included.
        gpu_hours: The same, on GPUs; 0 where there are none.
        cost: GPU hours at the given price; None without a price.
        gpu_idle_share: Share of the sample's GPU time in which no kernel ran; None without a GPU.
    """

    pass_name: str
    engine: str
    engines: int
    texts: int
    duplicates_saved: int
    sampled: int
    prompt_tokens: int
    output_tokens: int
    tokens_per_second: float
    seconds: float
    engine_hours: float
    gpu_hours: float
    cost: float | None
    gpu_idle_share: float | None = None


def plan(
    lake: Lake, pass_name: str, *, config: Config | None = None, sample: int = 200, price: float | None = None
) -> Plan:
    """Generate for a sample of the texts that a pass still lacks, and expect the rest to cost as much a character.

    Nothing is written.

    Args:
        lake: The lake.
        pass_name: A pass of the configuration.
        config: Passes and engines; None takes the defaults.
        sample: Texts to generate for; with fewer than some hundred the estimate is rough.
        price: Of one GPU hour; None takes the configuration's.

    Raises:
        ConfigError: The configuration has no such pass.
        EngineError: The pass's model cannot be loaded.
    """
    config = config or load()
    chain = passes.up_to(config, pass_name)
    pass_ = chain[-1]
    shards = ledger.shards(lake, default=config.ingest.shards)
    pending = catch_up.pending(lake, chain, shards)
    if isinstance(pass_, NearDuplicatesPass):
        return _without_engine(pass_, pending, price)
    share = gpus.share(lake.spark, pass_.engine)
    waiting = pending.texts(0, shards - 1).dropDuplicates(["text_sha256"])
    total = waiting.agg(F.count(F.lit(1)), F.coalesce(F.sum(F.expr(probe.measure(pass_))), F.lit(0))).collect()[0]
    _, copies = pending.count()
    price = config.refine.gpu_hour_price if price is None else price
    if not total[0]:
        free = None if price is None else 0.0
        return Plan(pass_name, pass_.engine.kind, share.engines, 0, 0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, free)
    first = probe.sample(pending, _WARM_UP * share.engines)
    warm = probe.probe(first, pass_, share, batch_texts=config.refine.batch_texts)
    texts = probe.sample(pending, sample)
    measured = probe.probe(texts, pass_, share, batch_texts=config.refine.batch_texts)
    load_seconds = max(warm.load_seconds, measured.load_seconds)
    factor = total[1] / max(1, measured.characters)
    engine_seconds = measured.seconds * factor
    hours = (engine_seconds + load_seconds * share.engines) / 3600
    gpu_hours = hours if measured.gpu_seconds else 0.0
    tokens = measured.prompt_tokens + measured.output_tokens
    return Plan(
        pass_name=pass_name,
        engine=pass_.engine.kind,
        engines=share.engines,
        texts=total[0],
        duplicates_saved=copies - total[0],
        sampled=measured.texts,
        prompt_tokens=round(measured.prompt_tokens * factor),
        output_tokens=round(measured.output_tokens * factor),
        tokens_per_second=tokens / measured.seconds * share.engines if measured.seconds else 0.0,
        seconds=engine_seconds / share.engines + load_seconds,
        engine_hours=hours,
        gpu_hours=gpu_hours,
        cost=None if price is None else gpu_hours * price,
        gpu_idle_share=measured.gpu_idle_share,
    )


def _without_engine(pass_: NearDuplicatesPass, pending: Pending, price: float | None) -> Plan:
    """Count the texts of a pass that no engine answers; how long a cluster compares them is not estimated."""
    total, copies = pending.count()
    free = None if price is None else 0.0
    return Plan(pass_.name, NEAR_DUPLICATES, 0, total, copies - total, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, free)
