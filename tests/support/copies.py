"""Pages with planted copies of a chosen similarity, for what finds near-duplicates."""

from __future__ import annotations

import random


def planted(text: str, similarity: float, chance: random.Random, *, words: int = 5) -> str:
    """Change single words, evenly spread, until the texts have about that similarity.

    A word that stands alone is in `words` shingles, which leave one text and are new in the other: with m words changed
    of n shingles the similarity is (n - words * m) / (n + words * m).
    """
    parts = text.split(" ")
    shingles = max(1, len(parts) - words + 1)
    changes = round(shingles * (1 - similarity) / (1 + similarity) / words)
    if changes:
        step = len(parts) / changes
        for number in range(changes):
            parts[int(number * step + step / 2)] = "".join(chance.choices("bcdfghjklmnpqrstvwz", k=9))
    return " ".join(parts)
