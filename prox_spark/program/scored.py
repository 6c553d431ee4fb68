"""What a score does to a document, in both modes: it stays as it is, or goes where the policy asks for a higher one."""

from __future__ import annotations

from collections.abc import Sequence

from prox_spark.program.operations import AppliedOperation, ChunkProgram, Execution, Policy
from prox_spark.program.words import count_words


def execute_scores(text: str, chunks: Sequence[ChunkProgram], policy: Policy) -> Execution:
    """Keep or drop a document by its first score; one without a score is kept and counted."""
    score: float | None = None
    fates: list[AppliedOperation] = []
    for chunk in chunks:
        for operation in chunk.operations:
            if operation.value is None:
                fates.append(chunk.fate(operation, rejected="wrong_level"))
            elif score is not None:
                fates.append(chunk.fate(operation, rejected="contradiction"))
            else:
                score = operation.value
                fates.append(chunk.fate(operation))
    words = len(text.split()) if policy.mode == "reference" else count_words(text)
    if score is not None and policy.min_score is not None and score < policy.min_score:
        return Execution(None, "dropped", "low_score", tuple(fates), words, 0)
    return Execution(text, "kept", "unknown_answer" if score is None else None, tuple(fates), words, words)
