"""What the modes strict and reference make of the same stored programs: counted, listed, and why."""

from __future__ import annotations

from typing import Any

from pyspark.sql import functions as F

from prox_spark.audit.rows import dicts
from prox_spark.config import Config, load
from prox_spark.lake.tables import Lake
from prox_spark.passes import Pass, resolve
from prox_spark.pipeline import catch_up
from prox_spark.spark.settings import kept
from prox_spark.stages.apply import first_programs
from prox_spark.stages.compare import compare


def compare_modes(lake: Lake, config: Config | None = None, *, limit: int = 20) -> list[dict[str, Any]]:
    """Execute the programs of every pass in both modes, and report the documents on which they differ.

    Nothing is written. A pass reads the texts that the passes before it leave, under their own policies.

    Args:
        lake: The lake.
        config: Its passes are compared; None takes the defaults.
        limit: Most kinds of difference, and most documents, that are listed for a pass; all are counted.

    Returns:
        One dict per pass: `pass_name`, `texts` (distinct ones with a program), `differing`, `kinds` (dicts of `strict`,
        `reference`, `why` and `texts`, most frequent first), `documents` (dicts of `doc_id`, `url`, `strict`,
        `reference` and `why`).
    """
    passes = resolve(config or load())
    return [_compared(lake, passes[: number + 1], limit) for number in range(len(passes))]


def _compared(lake: Lake, passes: tuple[Pass, ...], limit: int) -> dict[str, Any]:
    pass_ = passes[-1]
    texts = catch_up.texts_after(lake, passes[:-1])
    distinct = texts.select("text_sha256", "text").dropDuplicates(["text_sha256"])
    programs = first_programs(lake.read("programs"), pass_).where("error IS NULL")
    compared = compare(distinct, programs.select("text_sha256", "chunks"), pass_)
    with kept(compared):
        counts = compared.agg(F.count("*").alias("texts"), F.count_if("differs").alias("differing")).collect()[0]
        differing = compared.where("differs")
        kinds = differing.groupBy("strict", "reference", "why").agg(F.count("*").alias("texts"))
        listed = differing.join(texts.drop("text"), "text_sha256").select("doc_id", "url", "strict", "reference", "why")
        return {
            "pass_name": pass_.name,
            **counts.asDict(),
            "kinds": dicts(kinds.orderBy(F.desc("texts"), "strict", "reference", "why").limit(limit)),
            "documents": dicts(listed.orderBy("doc_id").limit(limit)),
        }
