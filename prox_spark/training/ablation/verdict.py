"""What the runs of an ablation say together: means, differences to the first arm, and intervals that hold both doubts.

Another training of the same arm gives another number, and so do other documents. The first doubt is Student's t over
the differences of paired seeds, the second a bootstrap over the sites of the documents. They are independent, so that
the squares of their half-widths add up; the interval of a difference is that sum. All are 95 %, each for its own pair.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from prox_spark.training.ablation.texts import HeldOut

if TYPE_CHECKING:
    from numpy.typing import NDArray

_RESAMPLES = 2000
_FEWEST_SITES = 5
"""Fewer say nothing of other documents: drawn again, they are the same ones."""

_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131)
"""97.5 % points of Student's t with 1, 2, … degrees of freedom; the last, which is wider, for all beyond."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A value with its 95 % interval; `low` and `high` are None where one seed, or a few sites, tell nothing of it."""

    value: float
    low: float | None
    high: float | None

    @classmethod
    def around(cls, value: float, half: float | None) -> Interval:
        """Make an interval of a value and half its width."""
        return cls(value, None, None) if half is None else cls(value, value - half, value + half)


@dataclass(frozen=True, slots=True)
class Difference:
    """How an arm differs from the first one on a set of documents; below zero it is better (more right answers: above).

    Attributes:
        set: The set.
        arm: The arm.
        by_seed: The difference of each pair of runs with the same seed.
        total: Its mean, with an interval for both doubts.
        seeds: Its mean, with the interval of other trainings alone.
        documents: Its mean, with the interval of other documents alone.
    """

    set: str
    arm: str
    by_seed: tuple[float, ...]
    total: Interval
    seeds: Interval
    documents: Interval

    @property
    def is_clear(self) -> bool:
        """Say whether the interval leaves zero out."""
        low, high = self.total.low, self.total.high
        return low is not None and high is not None and (low > 0 or high < 0)


@dataclass(frozen=True, slots=True)
class Mean:
    """What an arm reaches on a set of documents, with the interval of other trainings."""

    set: str
    arm: str
    by_seed: tuple[float, ...]
    mean: Interval


@dataclass(frozen=True, slots=True)
class Verdict:
    """What all runs say.

    Attributes:
        means: Bits a byte of every arm on every set.
        differences: To the first arm, of the others.
        answers: Share of right answers of every arm; empty where no questions were asked.
        answer_differences: To the first arm, of the others.
    """

    means: tuple[Mean, ...]
    differences: tuple[Difference, ...]
    answers: tuple[Mean, ...] = ()
    answer_differences: tuple[Difference, ...] = ()


Scores = Mapping[str, Sequence[Mapping[str, Any]]]
"""The scores of every run of every arm, seeds in the same order; the first arm is what the others are compared with."""


def decide(scores: Scores, documents: Sequence[HeldOut]) -> Verdict:
    """Put runs together."""
    first, *others = scores
    means, differences = [], []
    for name in dict.fromkeys(document.set for document in documents):
        members = [document for document in documents if document.set == name]
        sizes = np.array([len(document.text.encode()) for document in members], float)
        sites = [document.site for document in members]
        bits = {arm: np.array([run["bits"][name] for run in runs]) for arm, runs in scores.items()}
        means += [_mean(name, arm, values.sum(axis=1) / sizes.sum()) for arm, values in bits.items()]
        differences += [_difference(name, arm, bits[arm] - bits[first], sizes, sites) for arm in others]
    right = {arm: np.array([run["chosen"] for run in runs], float) for arm, runs in scores.items()}
    if not right[first].size:
        return Verdict(tuple(means), tuple(differences))
    each = np.ones(right[first].shape[1])
    alone = [str(number) for number in range(len(each))]
    answers = [_mean("questions", arm, values.mean(axis=1)) for arm, values in right.items()]
    gained = [_difference("questions", arm, right[arm] - right[first], each, alone) for arm in others]
    return Verdict(tuple(means), tuple(differences), tuple(answers), tuple(gained))


def _mean(name: str, arm: str, by_seed: NDArray[np.float64]) -> Mean:
    return Mean(name, arm, tuple(by_seed.tolist()), Interval.around(float(by_seed.mean()), _half_by_seeds(by_seed)))


def _difference(
    name: str, arm: str, apart: NDArray[np.float64], sizes: NDArray[np.float64], sites: Sequence[str]
) -> Difference:
    """Compare two arms.

    Args:
        name: The set.
        arm: The arm that is compared.
        apart: What it takes more than the first one, shape (seeds, documents).
        sizes: What each document counts, shape (documents,).
        sites: The site of each document.
    """
    by_seed = apart.sum(axis=1) / sizes.sum()
    value = float(by_seed.mean())
    seeds = _half_by_seeds(by_seed)
    documents = _bootstrap(value, apart.mean(axis=0), sizes, sites)
    half = None
    if seeds is not None and documents.low is not None and documents.high is not None:
        half = math.hypot(seeds, max(documents.high - value, value - documents.low))
    total, trainings = Interval.around(value, half), Interval.around(value, seeds)
    return Difference(name, arm, tuple(by_seed.tolist()), total, trainings, documents)


def _half_by_seeds(values: NDArray[np.float64]) -> float | None:
    """Give half the width of Student's interval of a mean; one value has none.

    >>> round(_half_by_seeds(np.array([1.0, 2.0, 3.0])), 3), _half_by_seeds(np.array([1.0]))
    (2.484, None)
    """
    count = len(values)
    if count < 2:
        return None
    return _T[min(count - 1, len(_T)) - 1] * float(values.std(ddof=1)) / math.sqrt(count)


def _bootstrap(value: float, sums: NDArray[np.float64], sizes: NDArray[np.float64], sites: Sequence[str]) -> Interval:
    """Draw sites with replacement, and give the quotient of all sums with the interval of those drawn."""
    _, inverse = np.unique(list(sites), return_inverse=True)
    by_site, of_site = np.bincount(inverse, sums), np.bincount(inverse, sizes)
    count = len(of_site)
    if count < _FEWEST_SITES:
        return Interval(value, None, None)
    drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), size=_RESAMPLES)
    low, high = np.quantile((drawn @ by_site) / (drawn @ of_site), [0.025, 0.975])
    return Interval(value, float(low), float(high))
