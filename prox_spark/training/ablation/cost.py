"""What refining costs beside the training that it saves: FLOPs that a run may spend, tokens saved, where it pays.

A model of N weights takes 6 N FLOPs for a token that it learns, and 2 N for one that it reads or writes.
"""

from __future__ import annotations

from dataclasses import dataclass

from prox_spark.training.ablation.verdict import Difference, Interval

REFINING_RATE = 530_700.0
"""Tokens a second of `refine` with defaults on one H200, a refiner of 354M weights (docs/gpu-speed.md)."""

TRAINING_RATE = 4e14
"""FLOPs a second of a GPU in training: 40 % of the 989e12 that an H100 or H200 has in bfloat16. Assumed."""


def affordable(tokens: int, *, there: int, training: float, refining: float) -> int:
    """Give the tokens of a refined corpus that cost as many FLOPs as `tokens` of one that nothing refined.

    Refining costs once for each token of the corpus that is trained on, however often it is.

    Args:
        tokens: That the model would train on if refining were free.
        there: Tokens of the corpus.
        training: FLOPs for a token that the model learns.
        refining: FLOPs that were spent for a token of the corpus.

    >>> affordable(1000, there=1000, training=6.0, refining=2.0)
    750
    >>> affordable(1000, there=100, training=6.0, refining=2.0)
    966
    """
    all_new = tokens * training / (training + refining)
    return int(all_new if all_new <= there else max(there, tokens - there * refining / training))


@dataclass(frozen=True, slots=True)
class Saving:
    """How much less a model has to train on for the same bits a byte.

    What the first arm gains between half of its tokens and all of them is taken as what every doubling gains. That
    holds near the budget that was measured; nobody knows it for much larger ones.

    Attributes:
        set: The set of documents.
        arm: The arm that saves.
        doubling: Bits a byte that the first arm gains by twice the tokens.
        saved: Share of the first arm's tokens that the arm does without; below zero it needs more.
    """

    set: str
    arm: str
    doubling: float
    saved: Interval


def saving(difference: Difference, doubling: float) -> Saving:
    """Turn a difference in bits a byte into tokens.

    >>> half = Difference("pages", "refined", (), Interval(-0.1, -0.2, 0.0), Interval(0, 0, 0), Interval(0, 0, 0))
    >>> saving(half, doubling=0.1).saved
    Interval(value=0.5, low=0.0, high=0.75)
    """

    def share(bits: float) -> float:
        return float(1.0 - 2.0 ** (bits / doubling))

    total = difference.total
    known = total.low is not None and total.high is not None
    low, high = (share(total.high), share(total.low)) if known else (None, None)  # type: ignore[arg-type]  # known
    return Saving(difference.set, difference.arm, doubling, Interval(share(total.value), low, high))


@dataclass(frozen=True, slots=True)
class Hours:
    """GPU hours for a model of one size.

    Attributes:
        parameters: Weights of the model.
        raw: Training on the first arm.
        refined: Training on the refined arm to the same bits a byte.
        refining: Refining what that trains on.
    """

    parameters: float
    raw: float
    refined: float
    refining: float


def hours(
    parameters: float, tokens: float, saved: float, read: float,
    refining_rate: float = REFINING_RATE, training_rate: float = TRAINING_RATE,
) -> Hours:  # fmt: skip
    """Count GPU hours for a model.

    Args:
        parameters: Weights of the model.
        tokens: Of the first arm that it would train on.
        saved: Share of them that the refined arm does without.
        read: Tokens that the refiner reads and writes for each token that it leaves.
        refining_rate: Tokens a second of the refiner on a GPU.
        training_rate: FLOPs a second of a GPU in training.
    """
    raw = 6 * parameters * tokens / training_rate / 3600
    refining = tokens * (1 - saved) * read / refining_rate / 3600
    return Hours(parameters, raw, raw * (1 - saved), refining)


def pays_from(
    saved: float, read: float, refining_rate: float = REFINING_RATE, training_rate: float = TRAINING_RATE
) -> float | None:
    """Give the weights of the smallest model whose training saves what refining costs; None where nothing is saved.

    >>> f"{pays_from(0.2, 1.6):.2e}", pays_from(0.0, 1.6)
    ('8.04e+08', None)
    """
    return None if saved <= 0 else (1 - saved) * read * training_rate / (6 * saved * refining_rate)
