"""Execute the same programs in both modes, and say where strict and reference part ways, and why.

Frame in, frame out; no table is touched and no action is called.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pyspark.sql import functions as F

from prox_spark.program import columns

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from prox_spark.passes import AnyPass


def compare(texts: DataFrame, programs: DataFrame, pass_: AnyPass) -> DataFrame:
    """Give one row per text that has a program, with what both modes make of it.

    Args:
        texts: Columns `text_sha256` and `text`, each text once.
        programs: Columns `text_sha256` and `chunks` of the pass, each text once.
        pass_: Says the level, and the policy of the strict side.

    Returns:
        `text_sha256`, `differs` (the texts that come out are not the same bytes), `strict` and `reference` (outcome,
        and its reason where there is one), `why` (sorted: what strict did otherwise; the reasons for which it rejected
        operations, and `problem: …` for lines that are no operations; empty when the words were counted differently).
    """
    strict = replace(pass_.policy, mode="strict")
    level = pass_.level
    executed = texts.join(programs, "text_sha256").select(
        "text_sha256",
        columns.execute("text", "chunks", level=level, policy=strict).alias("s"),
        columns.execute("text", "chunks", level=level, policy=replace(strict, mode="reference")).alias("r"),
        F.expr("flatten(transform(chunks, c -> transform(c.problems, p -> concat('problem: ', p.reason))))").alias("p"),
    )
    rejected = F.expr("transform(filter(s.ops, o -> o.status = 'rejected' OR o.reason IS NOT NULL), o -> o.reason)")
    return executed.select(
        "text_sha256",
        (~F.col("s.text").eqNullSafe(F.col("r.text"))).alias("differs"),
        F.concat_ws(": ", "s.outcome", "s.reason").alias("strict"),
        F.concat_ws(": ", "r.outcome", "r.reason").alias("reference"),
        F.array_sort(F.array_distinct(F.concat(rejected, F.col("p")))).alias("why"),
    )
