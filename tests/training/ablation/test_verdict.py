"""Intervals that do not lie: two doubts in one, none where nothing is known, right as often as they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from prox_spark.training.ablation.texts import HeldOut
from prox_spark.training.ablation.verdict import Difference, decide

SITES = 60


def documents(count: int = SITES) -> list[HeldOut]:
    return [HeldOut("pages", str(number), f"site-{number}", "x" * 100) for number in range(count)]


def run(bits: Any, chosen: Any = ()) -> dict[str, Any]:
    return {"bits": {"pages": list(bits)}, "chosen": list(chosen)}


def compared(raw: Any, other: Any, count: int = SITES) -> Difference:
    """Compare two arms: bits of shape (seeds, documents)."""
    verdict = decide({"raw": [run(row) for row in raw], "other": [run(row) for row in other]}, documents(count))
    [difference] = verdict.differences
    return difference


def test_an_arm_compared_with_itself_shows_no_difference() -> None:
    bits = np.random.default_rng(1).normal(200, 10, (3, SITES))
    difference = compared(bits, bits)
    assert (difference.total.value, difference.total.low, difference.total.high) == (0.0, 0.0, 0.0)
    assert not difference.is_clear


def test_a_difference_that_every_pair_shows_is_clear_and_has_the_sign_of_the_better() -> None:
    chance = np.random.default_rng(1)
    raw = chance.normal(200, 10, (3, SITES))
    difference = compared(raw, raw - 5 + chance.normal(0, 1, raw.shape))
    assert difference.is_clear and difference.total.value == pytest.approx(-0.05, abs=0.005)
    assert all(value < 0 for value in difference.by_seed)


def test_one_seed_or_a_few_sites_tell_nothing_of_the_interval() -> None:
    bits = np.full((1, SITES), 200.0)
    assert compared(bits, bits - 5).total.low is None and not compared(bits, bits - 5).is_clear
    few = np.full((3, 4), 200.0)
    assert compared(few, few - 5, count=4).total.low is None


def test_the_interval_is_wider_than_that_of_either_doubt() -> None:
    chance = np.random.default_rng(2)
    raw = chance.normal(200, 10, (3, SITES))
    difference = compared(raw, raw + chance.normal(0, 3, raw.shape))

    def width(interval: Any) -> float:
        return float(interval.high - interval.low)

    assert width(difference.total) >= max(width(difference.seeds), width(difference.documents))


def test_where_there_is_no_difference_at_most_one_in_twenty_is_called_clear() -> None:
    """Both doubts at work: each training shifts all documents, each document likes an arm by chance."""
    chance = np.random.default_rng(3)
    clear = 0
    for _ in range(200):
        raw = chance.normal(200, 10, (3, SITES))
        liking, training = chance.normal(0, 2, SITES), chance.normal(0, 0.5, (3, 1))
        clear += compared(raw, raw + liking + training).is_clear
    assert clear <= 16  # 95 % of such experiments have at most 16 of 200 at one in twenty


def test_right_answers_are_compared_as_bits_are() -> None:
    right, wrong = [True] * 40 + [False] * 10, [True] * 20 + [False] * 30
    bits = np.full((2, SITES), 200.0)
    scores = {"raw": [run(row, wrong) for row in bits], "other": [run(row, right) for row in bits]}
    verdict = decide(scores, documents())
    assert [mean.mean.value for mean in verdict.answers] == [0.4, 0.8]
    assert verdict.answer_differences[0].total.value == pytest.approx(0.4)
