"""Pages with planted copies of a chosen similarity, for what finds near-duplicates."""

from __future__ import annotations

import random
import re


def planted(text: str, similarity: float, chance: random.Random, *, words: int = 5) -> str:
    """Change single words, evenly spread, until the texts have about that similarity.

    A word that stands alone is in `words` shingles, which leave one text and are new in the other: with m words changed
    of n shingles the similarity is (n - words * m) / (n + words * m).
    """
    found = list(re.finditer(r"[^\W_]+", text))
    shingles = max(1, len(found) - words + 1)
    changes = round(shingles * (1 - similarity) / (1 + similarity) / words)
    step = len(found) / max(1, changes)
    chosen = {found[int(number * step + step / 2)].start() for number in range(changes)}

    def changed(word: re.Match[str]) -> str:
        return "".join(chance.choices("bcdfghjklmnpqrstvwz", k=9)) if word.start() in chosen else word[0]

    return re.sub(r"[^\W_]+", changed, text)
