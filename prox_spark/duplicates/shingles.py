"""The shingles of texts: hashes of each run of some words, for many texts in a few calls of numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from prox_spark.duplicates.characters import IGNORED, SEPARATOR, SINGLE, Folding

Hashes = NDArray[np.uint64]

_OF_CHARACTERS, _OF_WORDS = 0x9E3779B97F4A7C15, 0xD6E8FEB86659FD93
"""Odd bases of the two polynomials modulo 2**64: of the characters of a word, of the words of a shingle."""


@dataclass(frozen=True, slots=True)
class Shingles:
    """The shingles of some texts, one text after the other; one that occurs twice in a text is there twice.

    Attributes:
        hashes: 64 bits a shingle.
        offsets: Where the shingles of each text begin, and at last where those of the last one end.
    """

    hashes: Hashes
    offsets: NDArray[np.int64]

    def of(self, number: int) -> Hashes:
        """Give the shingles of a text, sorted, each once."""
        return np.unique(self.hashes[self.offsets[number] : self.offsets[number + 1]])


def shingles(texts: Sequence[str], *, words: int, fold_digits: bool = True) -> Shingles:
    """Hash each run of `words` words; a text with fewer has one shingle, of all its words, and one without has none.

    >>> found = shingles(["One, two: THREE four", "one two three", "!"], words=3)
    >>> found.offsets.tolist(), bool(found.hashes[0] == found.hashes[2])
    ([0, 2, 3, 3], True)
    """
    hashes, offsets = _words(texts, fold_digits=fold_digits)
    counts = np.diff(offsets)
    per_text = np.where(counts >= words, counts - words + 1, np.minimum(counts, 1))
    ends = np.cumsum(per_text)
    starts = ends - per_text
    padded = np.concatenate([hashes, np.zeros(words, dtype=np.uint64)])
    powers = _powers(_OF_WORDS, words)
    runs = np.zeros(hashes.size, dtype=np.uint64)
    for place in range(words):
        runs += padded[place : place + hashes.size] * powers[place]
    for number in np.flatnonzero((counts > 0) & (counts < words)).tolist():
        mine = hashes[offsets[number] : offsets[number + 1]]
        runs[offsets[number]] = np.sum(mine * powers[: mine.size], dtype=np.uint64)
    where = np.repeat(offsets[:-1] - starts, per_text) + np.arange(ends[-1] if ends.size else 0)
    return Shingles(mixed(runs[where]), np.concatenate([starts[:1] * 0, ends]).astype(np.int64))


def _words(texts: Sequence[str], *, fold_digits: bool) -> tuple[Hashes, NDArray[np.int64]]:
    """Hash the words of texts; give the hashes and where those of each text begin, and the last one ends."""
    codes = np.frombuffer("\n".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    kinds, characters = _folding(fold_digits).look_up(codes)
    lengths = np.array([len(text) + 1 for text in texts], dtype=np.int64)  # a line feed ends every word of a text
    begins = np.concatenate([[0], np.cumsum(lengths)])
    begins[-1] = codes.size
    if (kinds == IGNORED).any():
        stays = kinds != IGNORED
        begins = _counted(stays)[begins]
        kinds, characters = kinds[stays], characters[stays]
    is_first = np.empty(kinds.size, dtype=bool)
    is_first[:1] = True
    is_first[1:] = kinds[1:] != kinds[:-1]
    is_first |= kinds == SINGLE
    in_word = kinds != SEPARATOR
    begins = _counted(in_word)[begins]
    characters = characters[in_word].astype(np.uint64)
    firsts = np.flatnonzero(is_first[in_word])
    lengths_of_words = np.diff(np.append(firsts, characters.size))
    if not firsts.size:
        return np.zeros(0, dtype=np.uint64), np.zeros(len(texts) + 1, dtype=np.int64)
    places = np.arange(characters.size) - np.repeat(firsts, lengths_of_words)
    terms = characters * _powers(_OF_CHARACTERS, int(lengths_of_words.max()))[places]
    return mixed(np.add.reduceat(terms, firsts)), np.searchsorted(firsts, begins).astype(np.int64)


def _counted(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Count, for each place and for the end, the flags that are set before it."""
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(flags, dtype=np.int64)])


@cache
def _folding(fold_digits: bool) -> Folding:
    return Folding(fold_digits=fold_digits)


def _powers(base: int, count: int) -> Hashes:
    factors = np.full(count, base, dtype=np.uint64)
    factors[:1] = 1
    return np.multiply.accumulate(factors)


def mixed(values: Hashes) -> Hashes:
    """Mix the bits of 64-bit values: the end of MurmurHash3, by which every bit of a value reaches all others."""
    values = values ^ (values >> np.uint64(33))
    values *= np.uint64(0xFF51AFD7ED558CCD)
    values ^= values >> np.uint64(33)
    values *= np.uint64(0xC4CEB9FE1A85EC53)
    values ^= values >> np.uint64(33)
    return values
