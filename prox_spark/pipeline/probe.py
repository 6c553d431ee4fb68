"""A probe: have the engine answer for a few texts, write nothing, and see what that costs and what comes out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from prox_spark.errors import EngineError
from prox_spark.lake import ledger
from prox_spark.passes import Pass
from prox_spark.spark import gpus
from prox_spark.stages import refine

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from prox_spark.pipeline.catch_up import Pending

_FEW = 4
"""With fewer answers than this nothing is said about a model."""

_NO_FAULT = "('truncated', 'other_window')"
"""Problems of answers that are programs all the same: a cut one, and one about a line that another window owns."""

_CUT_CHARACTERS = 8000
"""A document's prompt is cut at the 2,000 tokens of the published models, of about four characters each."""


@dataclass(frozen=True, slots=True)
class Probe:
    """What the engine did with a sample.

    Attributes:
        texts: Texts in the sample.
        characters: Their length, as `measure` counts it.
        answers: Prompts that got an answer.
        programs: Answers of which every line is part of a program.
        seconds: Time of all engines together, loading left out.
        gpu_seconds: The part of it on a GPU, loading included.
        load_seconds: Time that one engine took to load; 0 where it was loaded already.
        gpu_idle_share: Share of the GPU seconds in which no kernel ran; None without a GPU.
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
    gpu_idle_share: float | None = None


def sample(pending: Pending, texts: int) -> DataFrame:
    """Take some of the texts that lack a program, the same ones each time."""
    chosen = pending.lacking.orderBy(F.xxhash64(F.lit("probe"), "text_sha256")).limit(texts).select("text_sha256")
    return pending.source.join(F.broadcast(chosen), "text_sha256", "left_semi").select("text_sha256", "text")


def measure(pass_: Pass) -> str:
    """Write, in SQL, the length of a text as it drives the cost: a document prompt is cut, chunks go on."""
    return f"least(length(text), {_CUT_CHARACTERS})" if pass_.profile.level == "document" else "length(text)"


def probe(texts: DataFrame, pass_: Pass, share: gpus.Share, *, batch_texts: int) -> Probe:
    """Generate for `texts`, and give the sums; each engine gets one task."""
    one_each = replace(share, tasks=share.engines)
    programs = refine.refine(texts, pass_, run_id="probe", share=one_each, batch_texts=batch_texts)
    answered = "filter(chunks, c -> c.finish_reason IN ('stop', 'length'))"
    is_program = "(size(c.ops) > 0 OR ltrim(c.completion) LIKE '#%')"  # comments on lines that all stay
    good = f"filter({answered}, c -> {is_program} AND NOT exists(c.problems, p -> p.reason NOT IN {_NO_FAULT}))"
    sums = programs.agg(
        *ledger.usage(),
        *refine.spent(),
        F.sum(F.expr(f"size({answered})")).alias("answers"),
        F.sum(F.expr(f"size({good})")).alias("programs"),
    )
    row = sums.crossJoin(
        texts.dropDuplicates(["text_sha256"]).agg(F.sum(F.expr(measure(pass_))).alias("characters"))
    ).collect()[0]
    return Probe(
        texts=row["texts"],
        characters=int(row["characters"] or 0),
        prompt_tokens=row["prompt_tokens"],
        output_tokens=row["output_tokens"],
        answers=int(row["answers"] or 0),
        programs=int(row["programs"] or 0),
        seconds=row["task_seconds"] - row["load_seconds"],
        gpu_seconds=row["gpu_seconds"],
        load_seconds=row["load_seconds"] / max(1.0, row["loads"]),
        gpu_idle_share=refine.gpu_idle_share(row["gpu_watched_seconds"], row["gpu_busy_seconds"]),
    )


def check(measured: Probe, pass_: Pass, least: float) -> None:
    """Refuse a model that clearly does not write the profile's programs.

    Raises:
        EngineError: Too few of the answers are programs; names the share.
    """
    if measured.answers < _FEW or measured.programs >= least * measured.answers:
        return
    model = getattr(pass_.engine, "model", pass_.engine.kind)
    raise EngineError(
        f"the model {model} does not fit the profile {pass_.profile.name}: of {measured.answers} answers "
        f"{measured.programs} are programs, and refine.preflight_share asks for {least:.0%}; take the profile and the "
        "prompt format that the model was trained with, or set refine.preflight_texts=0"
    )
