"""What must not be learned from, because models are judged on it: the same text, a long passage of it, its site.

A passage is 32 words in a row, whatever stands between them. Passages are compared by hashes of 64 bits, which numpy
makes for all places of a text at once: a hash of 2n words is made of two hashes of n words.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

import numpy as np

from prox_spark.program.characters import words_pattern

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from prox_spark.training.ablation.texts import HeldOut

Leak = Literal["text", "words", "passage", "site"]
"""The same bytes, the same words, a passage in common, the same site."""

PASSAGE = 32
"""Words, a power of two: about two sentences; notices and menus that many sites share are rarely as long."""

_WORD = re.compile(words_pattern())
_RUN = re.compile(r"\w+")
_SECOND_LEVEL = frozenset(("ac", "co", "com", "edu", "gov", "ne", "net", "or", "org"))
_FACTOR = 0x9E3779B97F4A7C15  # odd, so that no bit is lost when it multiplies


@dataclass(frozen=True, slots=True)
class Guard:
    """Hashes and sites of the documents that models are judged on, ready to travel to Spark's workers.

    Attributes:
        texts: sha256 of each text.
        words: sha256 of the words of each text.
        passages: Sorted hashes of all their passages.
        sites: Their sites.
    """

    texts: frozenset[str]
    words: frozenset[str]
    passages: NDArray[np.uint64] = field(repr=False)
    sites: frozenset[str]

    @classmethod
    def of(cls, documents: Iterable[HeldOut]) -> Guard:
        """Guard these documents; a site that is only a document's name keeps nothing else out."""
        texts, words, sites, passages = set(), set(), set(), [np.zeros(0, dtype=np.uint64)]
        for document in documents:
            hashes = _hashes(document.text)
            texts.add(hashlib.sha256(document.text.encode()).hexdigest())
            words.add(hashlib.sha256(hashes.tobytes()).hexdigest())
            passages.append(_passages(hashes))
            if document.site != document.id:
                sites.add(document.site)
        return cls(frozenset(texts), frozenset(words), np.unique(np.concatenate(passages)), frozenset(sites))

    def leak(self, text: str, site: str = "") -> Leak | None:
        """Say how a document to learn from shows what models are judged on; None where it does not.

        >>> from prox_spark.training.ablation.texts import HeldOut
        >>> guard = Guard.of([HeldOut("judged", "1", "example.org", "It rained, all day.")])
        >>> guard.leak("It rained all day!"), guard.leak("It snowed.", "example.org"), guard.leak("It snowed.")
        ('words', 'site', None)
        """
        if hashlib.sha256(text.encode()).hexdigest() in self.texts:
            return "text"
        hashes = _hashes(text)
        if hashlib.sha256(hashes.tobytes()).hexdigest() in self.words:
            return "words"
        if len(self.passages):
            here = _passages(hashes)
            # np.isin would sort the guarded ones again for every text.
            nearest = np.minimum(np.searchsorted(self.passages, here), len(self.passages) - 1)
            if (self.passages[nearest] == here).any():
                return "passage"
        return "site" if site and site in self.sites else None


def site_of(address: str | None) -> str:
    """Give the site of a URL or of a host: what is registered, as far as the name alone tells; empty for none.

    >>> site_of("https://www.news.example.co.uk:80/a?b"), site_of("blog.example.org"), site_of(None)
    ('example.co.uk', 'example.org', '')
    """
    if not address:
        return ""
    try:
        host = (urlsplit(address if "//" in address else f"//{address}").hostname or "").rstrip(".")
    except ValueError:
        return ""
    labels = host.split(".")
    if re.fullmatch(r"[0-9.]+|.*:.*", host) or len(labels) < 3:
        return host
    return ".".join(labels[-3:] if labels[-2] in _SECOND_LEVEL and len(labels[-1]) == 2 else labels[-2:])


def _hashes(text: str) -> NDArray[np.uint64]:
    """Hash each word, without case and the marks around it; a character of a script without spaces is a word."""
    words = _RUN.findall(text.casefold())
    if not text.isascii():
        words = [word for run in words for word in ([run] if run.isascii() else _WORD.findall(run))]
    return np.fromiter(map(_hash, words), dtype=np.uint64, count=len(words))


@lru_cache(maxsize=1 << 18)
def _hash(word: str) -> int:
    import mmh3

    return int(mmh3.hash64(word, signed=False)[0])


def _passages(hashes: NDArray[np.uint64]) -> NDArray[Any]:
    """Hash every run of `PASSAGE` words; a text with fewer has none, and is known by all its words."""
    length, factor = 1, _FACTOR
    while length < PASSAGE:
        if len(hashes) <= length:
            return np.zeros(0, dtype=np.uint64)
        hashes = hashes[:-length] * np.uint64(factor) + hashes[length:]
        factor = factor * factor % (1 << 64)
        length *= 2
    return hashes
