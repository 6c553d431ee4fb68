"""A probe: have the engine answer for a few texts, write nothing, and see what that costs and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from prox_spark.errors import EngineError
from prox_spark.lake import ledger
from prox_spark.passes import Pass
from prox_spark.spark import gpus
from prox_spark.stages import refine as refining

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from prox_spark.pipeline.catch_up import Pending

_FEW = 4
"""With fewer answers than this nothing is said about a model."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Hold what the engine did with a sample.

    Attributes:
        texts: Texts in the sample.
        characters: Their length, as `measure` counts it.
        answers: Prompts that got an answer.
        programs: Answers of which every line is part of a program.
        seconds: Time of all engines together, loading left out.
        gpu_seconds: The part of it on a GPU, loading included.
        load_seconds: Time that one engine took to load; 0 where it was loaded already.
    """

    texts: int
    characters: int
    prompt_tokens: int
    output_tokens: int
    answers: int
    programs: int
    seconds: float
    gpu_seconds: float
    load_seconds: float


def sample(pending: Pending, texts: int) -> DataFrame:
    """Take some of the texts that lack a program, the same ones each time."""
    chosen = pending.lacking.orderBy(F.xxhash64(F.lit("probe"), "text_sha256")).limit(texts).select("text_sha256")
    return pending.source.join(F.broadcast(chosen), "text_sha256", "left_semi").select("text_sha256", "text")


def measure(this: Pass) -> str:
    """Write, in SQL, the length of a text as it drives the cost: a document prompt is cut, chunks go on."""
    return "least(length(text), 8000)" if this.profile.level == "document" else "length(text)"


def probe(texts: DataFrame, this: Pass, share: gpus.Share, *, batch_texts: int) -> Probe:
    """Generate for `texts`, and give the sums; each engine gets one task."""
    one_each = replace(share, tasks=share.engines)
    made = refining.refine(texts, this, run_id="probe", share=one_each, batch_texts=batch_texts)
    answered = "filter(chunks, c -> c.finish_reason IN ('stop', 'length'))"
    said = "(size(c.ops) > 0 OR ltrim(c.completion) LIKE '#%')"  # comments on lines that all stay
    good = f"filter({answered}, c -> {said} AND NOT exists(c.problems, p -> p.reason <> 'truncated'))"
    sums = made.agg(
        *ledger.usage(),
        *refining.spent(),
        F.sum(F.expr(f"size({answered})")).alias("answers"),
        F.sum(F.expr(f"size({good})")).alias("programs"),
    )
    found = sums.crossJoin(
        texts.dropDuplicates(["text_sha256"]).agg(F.sum(F.expr(measure(this))).alias("characters"))
    ).collect()[0]
    return Probe(
        texts=found["texts"],
        characters=int(found["characters"] or 0),
        prompt_tokens=found["prompt_tokens"],
        output_tokens=found["output_tokens"],
        answers=int(found["answers"] or 0),
        programs=int(found["programs"] or 0),
        seconds=found["task_seconds"] - found["load_seconds"],
        gpu_seconds=found["gpu_seconds"],
        load_seconds=found["load_seconds"] / max(1.0, found["loads"]),
    )


def check(found: Probe, this: Pass, least: float) -> None:
    """Refuse a model that clearly does not write the profile's programs.

    Raises:
        EngineError: Too few of the answers are programs; names the share.
    """
    if found.answers < _FEW or found.programs >= least * found.answers:
        return
    model = getattr(this.engine, "model", this.engine.kind)
    raise EngineError(
        f"the model {model} does not fit the profile {this.profile.name}: of {found.answers} answers "
        f"{found.programs} are programs, and refine.preflight_share asks for {least:.0%}; take the profile and the "
        "prompt format that the model was trained with, or set refine.preflight_texts=0"
    )
