"""Labelled pages as the tagger trains on them: read, measured, changed line by line, and put into batches."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from prox_spark.engines.rules import broken_rules
from prox_spark.engines.tagger.features import LAYOUT, SHAPES, Floats, Lines, layout, measure, phrases, words_of
from prox_spark.engines.tagger.lexicon import INTERFACE
from prox_spark.evaluation.gold import GoldPage
from prox_spark.training.recipes import Changes

WINDOW = 640
"""Lines of a page that the network learns from at a time: what the engine judges with one of its windows of 768 lines,
which overlap by 128."""

_CASED = [SHAPES.index(name) for name in ("capitalised", "upper", "starts_lower")]
_COUNTED = [SHAPES.index(name) for name in ("letters", "words", "commas", "function_words", "word_length")]
_PLACED = [LAYOUT.index(name) for name in ("place", "from_top", "from_bottom", "words_above")]
_TOPICAL = [LAYOUT.index(name) for name in ("topical", "no_topic")]


@dataclass(frozen=True, slots=True)
class MeasuredPage:
    """One measured page.

    Attributes:
        lines: What is measured.
        keep: The label of each line.
        weight: How much each line counts; 0 leaves it out.
        worth: Whether the page is worth keeping, by the rules on its main content; None where nothing is known.
    """

    lines: Lines
    keep: NDArray[np.bool_]
    weight: Floats
    worth: float | None


@dataclass(frozen=True, slots=True)
class Sample:
    """One page as the network sees it."""

    dense: Floats
    tokens: NDArray[np.int64]
    lengths: NDArray[np.int64]
    keep: Floats
    weight: Floats
    worth: float


def vocabulary(pages: Iterable[GoldPage], *, domains: int) -> dict[str, int]:
    """Number the words and phrases that stand on the pages of at least so many domains."""
    seen: dict[str, set[int]] = defaultdict(set)
    sites: dict[str, int] = {}
    for page in pages:
        site = sites.setdefault(page.domain, len(sites))
        for line in set(page.lines):
            for phrase in phrases([word.lower() for word in words_of(line)]):
                seen[phrase].add(site)
    known = sorted(phrase for phrase, sites_of in seen.items() if len(sites_of) >= domains)
    return {phrase: number for number, phrase in enumerate(known)}


def measured(page: GoldPage, known: Mapping[str, int]) -> MeasuredPage:
    """Measure a page; a line counts by the square root of its words, and titles and unclear lines not at all."""
    lines = measure(page.lines, known)
    keep = np.array(page.keep, bool)
    counted = np.array(page.counted, bool)
    weight = np.where(counted, 0.5 + np.sqrt(np.minimum(lines.words, 100)) / 2, 0).astype(np.float32)
    content = "\n".join(line for line, kept in zip(page.lines, page.keep, strict=True) if kept)
    return MeasuredPage(lines, keep, weight, float(not broken_rules(content, ("c4", "gopher", "fineweb"))))


def take(lines: Lines, chosen: NDArray[np.int64]) -> Lines:
    """Give these lines in this order."""
    flat = {name: getattr(lines, name)[chosen] for name in ("shapes", "words", "prose", "keys", "patterns")}
    tokens, token_starts = _runs(lines.tokens, lines.token_starts, chosen)
    topics, topic_starts = _runs(lines.topics, lines.topic_starts, chosen)
    return Lines(tokens=tokens, token_starts=token_starts, topics=topics, topic_starts=topic_starts, **flat)


def _runs(
    values: NDArray[np.int64], starts: NDArray[np.int64], chosen: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    lengths = np.diff(starts)[chosen]
    ends = np.concatenate([[0], np.cumsum(lengths)])
    places = np.repeat(starts[:-1][chosen] - ends[:-1], lengths) + np.arange(ends[-1])
    return values[places], ends


def joined(first: Lines, second: Lines) -> Lines:
    """Put two pages one under the other."""
    parts = {}
    for field in fields(Lines):
        a, b = getattr(first, field.name), getattr(second, field.name)
        parts[field.name] = np.concatenate([a, b[1:] + a[-1]] if field.name.endswith("starts") else [a, b])
    return Lines(**parts)


def sample(page: MeasuredPage) -> Sample:
    """Make the network's input of a page as it is."""
    dense = np.concatenate([page.lines.shapes, layout(page.lines)], axis=1)
    return Sample(
        dense, page.lines.tokens, np.diff(page.lines.token_starts), page.keep.astype(np.float32), page.weight,
        -1.0 if page.worth is None else page.worth,
    )  # fmt: skip


def changed(
    page: MeasuredPage, other: MeasuredPage, changes: Changes, interface: NDArray[np.bool_], rng: np.random.Generator
) -> Sample:
    """Make the network's input of a page after random changes.

    Args:
        other: The page that lends its boilerplate.
        interface: For each token of the vocabulary, whether it is a word of interfaces.
    """
    whole = sample(_window(rearranged(page, other, changes, rng), WINDOW, rng))
    wordless = rng.random() < changes.wordless
    if wordless:
        keep = interface[whole.tokens] & (rng.random(len(whole.tokens)) < 0.7)
    else:
        keep = rng.random(len(whole.tokens)) >= changes.forgotten * rng.random()
    owner = np.repeat(np.arange(len(whole.lengths)), whole.lengths)[keep]
    dense = _blurred(whole.dense, wordless=wordless, noise=changes.noise, rng=rng)
    lengths = np.bincount(owner, minlength=len(whole.lengths)).astype(np.int64)
    return replace(whole, dense=dense, tokens=whole.tokens[keep], lengths=lengths)


def rearranged(page: MeasuredPage, other: MeasuredPage, changes: Changes, rng: np.random.Generator) -> MeasuredPage:
    """Change which lines a page has: only its content or only the rest, another page around it, less around it."""
    if rng.random() < changes.bare:
        page = _bare(page, rng)
    elif rng.random() < changes.mixed:
        page = _mixed(page, other)
    return _cut(page, rng) if rng.random() < changes.cut else page


def _bare(page: MeasuredPage, rng: np.random.Generator) -> MeasuredPage:
    content = rng.random() < 0.5
    chosen = np.flatnonzero(page.keep if content else ~page.keep)
    if len(chosen) < 3:
        return page
    return _chosen(page, chosen, page.worth if content else 0.0)


def _mixed(page: MeasuredPage, other: MeasuredPage) -> MeasuredPage:
    """Put the content of a page between the head and the foot of another."""
    inner, outer = np.flatnonzero(page.keep), np.flatnonzero(other.keep)
    if not len(inner) or not len(outer):
        return page
    top = _chosen(other, np.arange(outer[0]), None)
    middle = _chosen(page, np.arange(inner[0], inner[-1] + 1), None)
    foot = _chosen(other, np.arange(outer[-1] + 1, len(other.keep)), None)
    return _under(_under(top, middle), foot)


def _under(first: MeasuredPage, second: MeasuredPage) -> MeasuredPage:
    return MeasuredPage(
        joined(first.lines, second.lines),
        np.concatenate([first.keep, second.keep]),
        np.concatenate([first.weight, second.weight]),
        None,
    )


def _cut(page: MeasuredPage, rng: np.random.Generator) -> MeasuredPage:
    """Leave out some runs of lines that are removed anyway, so that pages with little around them occur as well."""
    count = len(page.keep)
    left = np.ones(count, bool)
    edges = np.flatnonzero(np.diff(page.keep.astype(np.int8), prepend=2, append=2))
    for start, end in pairwise(edges):
        if not page.keep[start] and rng.random() < 0.5:
            length = int(rng.integers(1, end - start + 1))
            at = int(rng.integers(start, end - length + 1))
            left[at : at + length] = False
    left &= ~_ends(page, rng)
    chosen = np.flatnonzero(left)
    return _chosen(page, chosen, page.worth) if len(chosen) else page


def _ends(page: MeasuredPage, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Choose what else to leave out above and below the content.

    Nearly every page of today ends with a sentence that is no content (a notice, an offer), so a network that is never
    shown another page takes the last sentence of any page for one.
    """
    out = np.zeros(len(page.keep), bool)
    kept = np.flatnonzero(page.keep)
    if not len(kept):
        return out
    head, foot = np.arange(kept[0]), np.arange(kept[-1] + 1, len(out))
    for end, share in ((head, 0.3), (foot, 0.6)):
        if rng.random() < share:
            out[end[page.lines.prose[end]]] = True
    if rng.random() < 0.4:
        out[foot[int(rng.integers(0, len(foot) + 1)) :]] = True
    if rng.random() < 0.3:
        out[head[: int(rng.integers(0, len(head) + 1))]] = True
    return out


def _window(page: MeasuredPage, most: int, rng: np.random.Generator) -> MeasuredPage:
    if len(page.keep) <= most:
        return page
    start = int(rng.integers(0, len(page.keep) - most + 1))
    return _chosen(page, np.arange(start, start + most), None)


def _chosen(page: MeasuredPage, chosen: NDArray[np.int64], worth: float | None) -> MeasuredPage:
    return MeasuredPage(take(page.lines, chosen), page.keep[chosen], page.weight[chosen], worth)


def _blurred(dense: Floats, *, wordless: bool, noise: float, rng: np.random.Generator) -> Floats:
    dense = dense + (noise * rng.standard_normal(dense.shape)).astype(np.float32) * (dense != 0)
    if wordless:
        dense[:, _COUNTED] *= rng.lognormal(0, 0.12, len(_COUNTED)).astype(np.float32)
        if rng.random() < 0.7:
            dense[:, _CASED[1:]] = 0
        if rng.random() < 0.3:
            dense[:, _CASED[0]] = 0
    shift = len(SHAPES)
    for columns, share in ((_PLACED, 0.1), (_TOPICAL, 0.1)):
        if rng.random() < share:
            dense[:, [shift + column for column in columns]] = 0
    return dense


def interface_words(known: Mapping[str, int]) -> NDArray[np.bool_]:
    """Say for each token of the vocabulary whether it can occur on a page in a script without spaces."""
    shown = set(INTERFACE.values())
    can_occur = np.zeros(len(known), bool)
    for phrase, number in known.items():
        bare = phrase.lstrip("^$=").split(" ") or [phrase]
        can_occur[number] = all(word in shown or not word.isalpha() for word in bare)
    return can_occur


def batches(samples: Iterator[Sample], lines: int) -> Iterator[list[Sample]]:
    """Group samples of like length into batches of at most so many lines, padding included, as they come."""
    pool: list[Sample] = []
    for item in samples:
        pool.append(item)
        if len(pool) >= 48:
            yield from _grouped(pool, lines)
            pool = []
    yield from _grouped(pool, lines)


def _grouped(pool: Sequence[Sample], lines: int) -> Iterator[list[Sample]]:
    batch: list[Sample] = []
    for item in sorted(pool, key=lambda sample: len(sample.keep)):
        if batch and (len(batch) + 1) * len(item.keep) > lines:
            yield batch
            batch = []
        batch.append(item)
    if batch:
        yield batch
