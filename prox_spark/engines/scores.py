"""What engines that write no programs but scores answer: one line, `score(0.25)`."""

from __future__ import annotations

import math

from prox_spark.engines.seam import Completion


def scored(value: float, prompt_tokens: int) -> Completion:
    """Write a score, with the nine digits that tell all numbers of 32 bits apart; what is no number is an error.

    >>> scored(2.5, 512).text
    'score(2.5)'
    """
    if not math.isfinite(value):
        return Completion("", "error", prompt_tokens, 0, f"the model's score is {value}")
    return Completion(f"score({value:.9g})", "stop", prompt_tokens, 1)
