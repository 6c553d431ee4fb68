"""What a score does to a document as Spark SQL text: what `scored.execute_scores` does, with the same fates."""

from __future__ import annotations

from prox_spark.program.columns_lines import fate, operations, present, result, words_before
from prox_spark.program.columns_words import Counter, bind, let
from prox_spark.program.operations import Policy


def is_low(operation: str, policy: Policy) -> str:
    """Say whether the score of an operation is below what the policy asks for."""
    if policy.min_score is None:
        return "false"
    return f"coalesce(try_cast({operation}.target AS DOUBLE) < {float(policy.min_score)!r}D, false)"


def execute(policy: Policy, count: Counter) -> str:
    """Keep or drop a document by its first score; one without a score is kept and counted."""
    both = "named_struct('chunk', chunk, 'operation', operation)"
    placed = f"transform({operations('chunk.ops')}, operation -> {both})"
    every = f"flatten(transform({present('document.chunks')}, chunk -> {placed}))"
    scores = "transform(placed_operations, (placed, place) -> IF(placed.operation.op = 'score', place, NULL))"
    reason = (
        "CASE WHEN NOT coalesce(placed.operation.op = 'score', false) THEN 'wrong_level' "
        "WHEN place > first THEN 'contradiction' END"
    )
    judged = let("reason", reason, fate("placed.chunk", "placed.operation", "reason", "reason IS NULL"))
    dropped = f"coalesce({is_low('get(placed_operations, first).operation', policy)}, false)"
    answer = result(
        "IF(dropped, NULL, document.text)",
        "IF(dropped, 'dropped', 'kept')",
        "CASE WHEN dropped THEN 'low_score' WHEN first IS NULL THEN 'unknown_answer' END",
        f"transform(placed_operations, (placed, place) -> {judged})",
        "words",
        "IF(dropped, 0, words)",
    )
    return bind(
        {
            "placed_operations": every,
            "first": f"array_min({scores})",
            "dropped": dropped,
            "words": words_before(count),
        },
        answer,
    )
