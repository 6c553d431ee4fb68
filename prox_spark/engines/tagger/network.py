"""The tagger's network in numpy: what a page's lines are worth, computed without torch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided
from numpy.typing import NDArray

from prox_spark.engines.tagger.features import Floats, Integers

REACH = 3
"""How many lines up and down a block's convolution reaches."""

_FARTHEST = 512


@dataclass(frozen=True, slots=True)
class Size:
    """How large the network is; stored beside the weights."""

    vocabulary: int
    word: int = 64
    hidden: int = 64
    width: int = 128
    heads: int = 4
    feed: int = 384
    blocks: int = 4
    distances: int = 33


@lru_cache(maxsize=4)
def _bucket_line(count: int, distances: int) -> NDArray[np.int64]:
    """Give the bucket of every distance from -(count - 1) to count - 1: exact near by, coarser far away."""
    side = (distances - 1) // 2
    far = np.abs(np.arange(1 - count, count))
    coarse = side / 2 + np.log(np.maximum(far, 1) / (side / 2)) / np.log(_FARTHEST / (side / 2)) * (side / 2)
    bucket = np.where(far < side / 2, far, np.minimum(coarse, side)).astype(np.int64)
    return side + np.sign(np.arange(1 - count, count)) * bucket


def buckets(count: int, distances: int) -> NDArray[np.int64]:
    """Give the bucket of the distance between each two of `count` lines."""
    return np.ascontiguousarray(_toeplitz(_bucket_line(count, distances)))


def _toeplitz(line: NDArray[Any]) -> NDArray[Any]:
    """Look at values by distance, of length 2n - 1, as a matrix n by n without copying: [i, j] is the one of j - i."""
    count, step = (line.shape[-1] + 1) // 2, line.strides[-1]
    return as_strided(line[..., count - 1 :], (*line.shape[:-1], count, count), (*line.strides[:-1], -step, step))


class Network:
    """Compute the logits of pages from stored weights."""

    def __init__(self, weights: Mapping[str, NDArray[Any]], size: Size) -> None:
        """Take the weights by their names in the torch network; the words are projected once."""
        floats = {name: np.ascontiguousarray(value, np.float32) for name, value in weights.items()}
        self._size = size
        self._weights = floats
        self._words = floats["words.weight"] @ floats["from_words.weight"].T

    def logits(self, dense: Floats, tokens: Integers, starts: Integers, words: Floats) -> tuple[Floats, float]:
        """Give one logit a line (keep it) and one for the page (worth keeping)."""
        weights = self._weights
        x = _linear(np.maximum(_linear(dense, weights, "from_numbers"), 0), weights, "from_hidden")
        x += self._bags(tokens, starts)
        line = _bucket_line(len(dense), self._size.distances)
        for block in range(self._size.blocks):
            x = self._block(x, f"blocks.{block}.", line)
        x = _norm(x, weights, "norm")
        heavy = words / max(float(words.sum()), 1e-6)
        pooled = np.concatenate([x.mean(axis=0), heavy @ x])
        worth = float(pooled @ weights["worth.weight"][0] + weights["worth.bias"][0])
        return _linear(x, weights, "keep")[:, 0], worth

    def _bags(self, tokens: Integers, starts: Integers) -> Floats:
        """Sum the vectors of each line's words, over the square root of their number."""
        lengths = np.diff(starts)
        found = np.zeros((len(lengths), self._size.width), np.float32)
        filled = lengths > 0
        if filled.any():
            sums = np.add.reduceat(self._words[tokens], starts[:-1][filled], axis=0)
            found[filled] = sums / np.sqrt(lengths[filled], dtype=np.float32)[:, None]
        return found

    def _block(self, x: Floats, name: str, line: Integers) -> Floats:
        weights, heads = self._weights, self._size.heads
        count, width = x.shape
        x = x + self._neighbours(_norm(x, weights, name + "norm_conv"), name + "conv")
        parts = _linear(_norm(x, weights, name + "norm_attend"), weights, name + "attend_in")
        q, k, v = parts.reshape(count, 3, heads, width // heads).transpose(1, 2, 0, 3)
        scores = np.matmul(q * np.float32((width // heads) ** -0.5), k.transpose(0, 2, 1))
        scores += _toeplitz(np.ascontiguousarray(weights[name + "distance"][:, line]))
        scores -= scores.max(axis=-1, keepdims=True)
        np.exp(scores, out=scores)
        mixed = np.matmul(scores, v) / scores.sum(axis=-1, keepdims=True)
        x = x + _linear(mixed.transpose(1, 0, 2).reshape(count, width), weights, name + "attend_out")
        fed = _linear(_norm(x, weights, name + "norm_feed"), weights, name + "feed_in")
        np.maximum(fed, 0, out=fed)
        x += _linear(fed, weights, name + "feed_out")
        return x

    def _neighbours(self, x: Floats, name: str) -> Floats:
        kernel = self._weights[name + ".weight"][:, 0]
        padded = np.pad(x, ((REACH, REACH), (0, 0)))
        total = np.tile(self._weights[name + ".bias"], (len(x), 1))
        for shift in range(2 * REACH + 1):
            total += padded[shift : shift + len(x)] * kernel[:, shift]
        return total


def _linear(x: Floats, weights: Mapping[str, Floats], name: str) -> Floats:
    found: Floats = x @ weights[name + ".weight"].T
    found += weights[name + ".bias"]
    return found


def _norm(x: Floats, weights: Mapping[str, Floats], name: str) -> Floats:
    centred = x - x.mean(axis=1, keepdims=True)
    scale = 1 / np.sqrt(np.einsum("ij,ij->i", centred, centred) / x.shape[1] + 1e-5)
    found: Floats = centred * scale[:, None] * weights[name + ".weight"] + weights[name + ".bias"]
    return found
