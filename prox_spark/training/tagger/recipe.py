"""One run of the tagger's recipe: pages in, `tagger.safetensors` and `run.json` out."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from prox_spark.engines.tagger.model import save
from prox_spark.engines.tagger.network import Size
from prox_spark.errors import SourceError
from prox_spark.evaluation import GoldPage, read
from prox_spark.training.recipes import TaggerRecipe
from prox_spark.training.tagger.fit import Fit, f1
from prox_spark.training.tagger.pages import MeasuredPage, interface_words, measured, vocabulary

logger = logging.getLogger(__name__)

_THRESHOLDS = np.arange(-2.5, 1.01, 0.25)


def train(recipe: TaggerRecipe) -> dict[str, Any]:
    """Train the tagger; give what the run found, as it stands in run.json."""
    pages = [page for path in recipe.data for page in read(path, recipe.sources)]
    learned = [page for page in pages if page.fold not in recipe.validation_folds]
    held = [page for page in pages if page.fold in recipe.validation_folds]
    if not learned or not held:
        raise SourceError(f"{', '.join(recipe.data)}: no pages to {'learn from' if not learned else 'validate on'}")
    known = vocabulary(learned, domains=recipe.domains)
    logger.info("%d pages, %d held out, %d words and phrases", len(learned), len(held), len(known))
    training, validation = _measured(learned, known), _measured(held, known)
    size = Size(vocabulary=len(known), **recipe.shape.model_dump())
    folder = Path(recipe.out)
    weights, member_logits = [], []
    for member in range(recipe.members):
        course = recipe.course.model_copy(update={"seed": recipe.course.seed + member})
        fit = Fit(size, course, recipe.changes, folder / f"member-{member}", interface_words(known))
        fit.mean = fit.run(training, validation)
        weights.append({name: value.numpy() for name, value in fit.mean.items()})
        member_logits.append(fit.logits(validation))
    logits = [
        tuple(sum(part) / recipe.members for part in zip(*page, strict=True))
        for page in zip(*member_logits, strict=True)
    ]
    keep_above = _best([f1(logits, validation, float(at)) for at in _THRESHOLDS])
    save(folder / "tagger.safetensors", weights, size, list(known), (keep_above, 0.0))
    run = {
        "recipe": recipe.model_dump(mode="json"),
        "pages": len(learned),
        "validation_pages": len(held),
        "vocabulary": len(known),
        "parameters": sum(value.size for member in weights for value in member.values()),
        "keep_above": keep_above,
        "validation_kept_f1": f1(logits, validation, keep_above),
    }
    (folder / "run.json").write_text(json.dumps(run, indent=1) + "\n", encoding="utf-8")
    return run


def _measured(pages: Sequence[GoldPage], known: dict[str, int]) -> list[MeasuredPage]:
    return [measured(page, known) for page in pages]


def _best(scores: Sequence[float]) -> float:
    """Choose the middle of the thresholds whose score is within a thousandth of the best."""
    good = _THRESHOLDS[np.array(scores) >= max(scores) - 1e-3]
    return float(good[len(good) // 2])
