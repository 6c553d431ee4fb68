"""The signature of a text: its MinHashes, the keys of its bands, and how alike two texts are by both."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from prox_spark.duplicates.settings import SignatureSettings
from prox_spark.duplicates.shingles import Hashes, Shingles, mixed, shingles

BLOCK = 4096
"""Shingles that are hashed in one go: with their hashes they stay in a core's cache."""

CHARACTERS = 1 << 20
"""Characters that are cut into words together; with what numpy needs for them, 50 MB."""

_BAND = 0xBF58476D1CE4E5B9


@dataclass(frozen=True, slots=True)
class Signatures:
    """The signatures of some texts.

    Attributes:
        bands: A row a text, of 64-bit keys; a key holds the number of its band, so that no two bands meet.
        minhashes: A row a text, of the lowest 16 bits of each hash: enough to estimate a similarity by.
        has_words: Texts without a word are like no other; their rows mean nothing.
    """

    bands: NDArray[np.int64]
    minhashes: NDArray[np.uint16]
    has_words: NDArray[np.bool_]


def signatures(texts: Sequence[str], settings: SignatureSettings) -> Signatures:
    """Give the signatures of texts.

    >>> signed = signatures(["One page.", "ONE PAGE!", "Another page."], SignatureSettings())
    >>> signed.bands.shape, estimated(signed.minhashes[:1], signed.minhashes[1:2]).tolist()
    ((3, 14), [1.0])
    """
    hashes = settings.bands * settings.band_hashes
    minima = np.empty((len(texts), hashes), dtype=np.uint64)
    has_words = np.empty(len(texts), dtype=bool)
    for first, last in _groups(texts):
        found = shingles(texts[first:last], words=settings.words, fold_digits=settings.fold_digits)
        minima[first:last] = minhashes(found, hashes)
        has_words[first:last] = np.diff(found.offsets) > 0
    rows = minima.reshape(len(texts), settings.bands, settings.band_hashes)
    keys = np.tile(np.arange(1, settings.bands + 1, dtype=np.uint64), (len(texts), 1))
    for place in range(settings.band_hashes):
        keys = mixed(keys * np.uint64(_BAND) + rows[:, :, place])
    return Signatures(keys.view(np.int64), (minima & np.uint64(0xFFFF)).astype(np.uint16), has_words)


def minhashes(found: Shingles, count: int) -> Hashes:
    """Give the least value of each of `count` hash functions over the shingles of each text, a row a text."""
    factors, shifts = _functions(count)
    offsets = found.offsets
    minima = np.full((count, offsets.size - 1), np.iinfo(np.uint64).max, dtype=np.uint64)
    has_some = np.flatnonzero(np.diff(offsets))
    starts = offsets[has_some]
    for low in range(0, found.hashes.size, BLOCK):
        block = found.hashes[low : low + BLOCK]
        first = np.searchsorted(starts, low, side="right") - 1
        last = np.searchsorted(starts, low + block.size)
        places = np.maximum(starts[first:last] - low, 0)
        texts = has_some[first:last]
        values = np.empty_like(block)
        for number in range(count):
            np.multiply(block, factors[number], out=values)
            values += shifts[number]
            minima[number, texts] = np.minimum(minima[number, texts], np.minimum.reduceat(values, places))
    return np.ascontiguousarray(minima.T)


def similarities(pairs: Sequence[tuple[str, str]], settings: SignatureSettings) -> list[float]:
    """Give the Jaccard similarity of the shingles of each pair of texts; 0 where both have none.

    >>> similarities([("a b c d e f", "a b c d e g"), ("same words", "Same words.")], SignatureSettings(words=2))
    [0.6666666666666666, 1.0]
    """
    return [
        similarity(found.of(0), found.of(1))
        for found in (shingles(pair, words=settings.words, fold_digits=settings.fold_digits) for pair in pairs)
    ]


def similarity(one: Hashes, other: Hashes) -> float:
    """Give the Jaccard similarity of two sets of shingles, each sorted and without repetitions."""
    both = int(np.intersect1d(one, other, assume_unique=True).size)
    return both / max(1, one.size + other.size - both)


def estimated(one: NDArray[np.uint16], other: NDArray[np.uint16]) -> NDArray[np.float64]:
    """Estimate the Jaccard similarity of texts by the share of their MinHashes that are the same, a row a pair."""
    same: NDArray[np.float64] = np.mean(one == other, axis=1)
    return same


def estimates(one: Sequence[bytes], other: Sequence[bytes]) -> list[float]:
    """Estimate the similarity of pairs by their MinHashes as they are stored, all of one length."""
    rows = (np.frombuffer(b"".join(side), dtype=np.uint16).reshape(len(side), -1) for side in (one, other))
    return list(map(float, estimated(*rows)))


def _groups(texts: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Give first and last of runs of texts that are not much longer than `CHARACTERS` together."""
    first, characters = 0, 0
    for number, text in enumerate(texts):
        characters += len(text)
        if characters >= CHARACTERS:
            yield first, number + 1
            first, characters = number + 1, 0
    if first < len(texts):
        yield first, len(texts)


@cache
def _functions(count: int) -> tuple[Hashes, Hashes]:
    """Give the odd factors and the summands of `count` functions x -> factor * x + summand modulo 2**64."""
    drawn = mixed(np.arange(1, 2 * count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15))
    return drawn[:count] | np.uint64(1), drawn[count:]
