"""What a program did to a labelled page, counted, and many such counts as scores with confidence intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prox_spark.evaluation.gold import GoldPage
from prox_spark.program.words import count_words

Rate = Callable[[NDArray[np.float64]], NDArray[np.float64]]
Hits = tuple[int, int, int]
"""What is in both the program's choice and the gold's, in the program's alone, in the gold's alone."""

_RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Counts:
    """What is right and wrong on one page, or on one document (then a document is one line of one word).

    Attributes:
        group: The site; confidence intervals draw whole sites, as pages of one are alike.
        kept: Words of lines kept in both, by the program alone, by the gold alone.
        removed: Lines removed in both, by the program alone, by the gold alone.
        parsed: Completions without a problem, of how many.
        tokens: Tokens of prompts and of completions.
        seconds: Time that the engine took.
    """

    group: str
    kept: Hits
    removed: Hits
    parsed: tuple[int, int] = (0, 0)
    tokens: tuple[int, int] = (0, 0)
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Value:
    """A score between 0 and 1 with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Summary:
    """The scores of the pages of one source or type.

    Attributes:
        pages: How many.
        kept_f1: F1 of kept words, mean over the pages.
        kept_precision: The same for precision.
        kept_recall: The same for recall.
        kept_f1_pooled: F1 of the kept words of all pages together.
        removed_f1: F1 of removed lines, of all pages together.
        removed_precision: The same for precision.
        removed_recall: The same for recall.
        parsed: Share of completions without a problem; None where nothing was parsed.
        tokens_in: Tokens of the prompts, a page.
        tokens_out: Tokens of the completions, a page.
        seconds: Time a page.
    """

    pages: int
    kept_f1: Value
    kept_precision: Value
    kept_recall: Value
    kept_f1_pooled: Value
    removed_f1: Value
    removed_precision: Value
    removed_recall: Value
    parsed: float | None
    tokens_in: float
    tokens_out: float
    seconds: float


def count(page: GoldPage, removed: Sequence[bool]) -> tuple[Hits, Hits]:
    """Compare the lines that a program removed with the gold: kept words and removed lines.

    >>> page = GoldPage("", "", "", "", ("a b", "c", "d"), (True, False, False), (True, True, False), 0)
    >>> count(page, [False, False, True])
    ((2, 1, 0), (0, 0, 1))
    """
    kept, gone = [0, 0, 0], [0, 0, 0]
    for line, keep, counted, goes in zip(page.lines, page.keep, page.counted, removed, strict=True):
        if not counted:
            continue
        if keep or not goes:
            kept[0 if keep and not goes else 1 if not keep else 2] += count_words(line)
        if goes or not keep:
            gone[0 if goes and not keep else 1 if goes else 2] += 1
    return (kept[0], kept[1], kept[2]), (gone[0], gone[1], gone[2])


def summarise(counts: Sequence[Counts], *, seed: int = 0) -> Summary:
    """Give the scores of these pages; intervals by bootstrap over sites."""
    kept = np.array([item.kept for item in counts], float)
    gone = np.array([item.removed for item in counts], float)
    draws = _draws([item.group for item in counts], seed)
    pages = len(counts)
    tried = sum(item.parsed[1] for item in counts)
    values = {
        f"{name}_{measure}": _value(rate, sums, draws, mean=mean)
        for name, sums, mean in (("kept", kept, True), ("removed", gone, False))
        for measure, rate in (("f1", _f1), ("precision", _precision), ("recall", _recall))
    }
    return Summary(
        pages=pages,
        kept_f1_pooled=_value(_f1, kept, draws, mean=False),
        parsed=sum(item.parsed[0] for item in counts) / tried if tried else None,
        tokens_in=sum(item.tokens[0] for item in counts) / pages,
        tokens_out=sum(item.tokens[1] for item in counts) / pages,
        seconds=sum(item.seconds for item in counts) / pages,
        **values,
    )


def _draws(groups: Sequence[str], seed: int) -> NDArray[np.float64]:
    """Draw the sites with replacement, many times: how often each page is drawn, one row a time."""
    names, inverse = np.unique([group or f" {number}" for number, group in enumerate(groups)], return_inverse=True)
    chances = np.full(len(names), 1 / len(names))
    drawn = np.random.default_rng(seed).multinomial(len(names), chances, size=_RESAMPLES)
    return drawn[:, inverse].astype(np.float64)


def _value(rate: Rate, sums: NDArray[np.float64], draws: NDArray[np.float64], *, mean: bool) -> Value:
    if mean:
        each = rate(sums)
        value, resampled = float(each.mean()), (draws @ each) / draws.sum(axis=1)
    else:
        value, resampled = float(rate(sums.sum(axis=0)[None])[0]), rate(draws @ sums)
    low, high = np.quantile(resampled, [0.025, 0.975])
    return Value(value, float(low), float(high))


def _precision(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return _share(sums[:, 0], sums[:, 0] + sums[:, 1])


def _recall(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return _share(sums[:, 0], sums[:, 0] + sums[:, 2])


def _f1(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    return _share(2 * sums[:, 0], 2 * sums[:, 0] + sums[:, 1] + sums[:, 2])


def _share(part: NDArray[np.float64], whole: NDArray[np.float64]) -> NDArray[np.float64]:
    """Divide; nothing to find and nothing found is right."""
    return np.where(whole > 0, part / np.maximum(whole, 1e-9), 1.0)
