"""Small labelled pages, made up, for the tests of training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

MENU = ["Home", "About Us", "Contact", "Login", "Sitemap", "Search", "Subscribe", "Privacy Policy", "Terms of Use"]
NOUNS = ["river", "bridge", "school", "mayor", "storm", "garden", "library", "engine", "harbour", "orchard"]


def write_pages(path: Path, count: int = 24) -> Path:
    """Write pages with a menu above and below a story; each is a site of its own, folds go round."""
    rng = np.random.default_rng(3)
    rows = []
    for number in range(count):
        top, foot = (list(rng.choice(MENU, size)) for size in rng.integers(2, 6, 2))
        story = [_sentence(rng) for _ in range(int(rng.integers(3, 9)))]
        lines = [*top, *story, *foot]
        keep = [False] * len(top) + [True] * len(story) + [False] * len(foot)
        domain = f"site{number}.example"
        rows.append({"id": str(number), "text": "\n".join(lines), "keep": keep, "domain": domain, "fold": number % 4})
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def _sentence(rng: np.random.Generator) -> str:
    first, second, third = rng.choice(NOUNS, 3)
    return f"The {first} was older than the {second}, and nobody in the town knew who had built the {third}."
