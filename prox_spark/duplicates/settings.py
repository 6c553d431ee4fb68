"""What decides a signature, and what the programs of near-duplicates say: without numpy, as every command reads it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass

VERSION = 1
"""Raise it when the same text gets another signature."""

DOCUMENT = r"\bdocument=([0-9a-f]{64})"
"""Where the comment of a program names the document that brought its text first."""

TWIN, SIMILARITY, FAMILY = r"\btwin=([0-9a-f]{64})", r"\bsimilarity=([0-9.]+)", r"\bfamily=([0-9a-f]{64})"
"""What that of a copy says besides: the earlier text, by its hash, how similar it is, and the document that the family
began with."""


@dataclass(frozen=True, slots=True)
class SignatureSettings:
    """What decides a signature; the defaults are FineWeb's.

    Attributes:
        words: Words of a shingle.
        bands: Bands of a signature; two texts meet when one of their bands is the same.
        band_hashes: Hashes of a band.
        fold_digits: Whether all digits count as the same.
    """

    words: int = 5
    bands: int = 14
    band_hashes: int = 8
    fold_digits: bool = True


def signature_fingerprint(settings: SignatureSettings) -> str:
    """Give a SHA-256 in hex over everything that decides a signature besides the text."""
    parts = {"version": VERSION, **asdict(settings)}
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def chance_of_meeting(similarity: float, settings: SignatureSettings) -> float:
    """Give the chance that two texts of a similarity share a band, in theory.

    >>> round(chance_of_meeting(0.9, SignatureSettings()), 4), round(chance_of_meeting(0.5, SignatureSettings()), 4)
    (0.9996, 0.0533)
    """
    return float(1 - (1 - similarity**settings.band_hashes) ** settings.bands)
