"""The recipes that make a refining model, from labelled pages or from what a stronger model says of them."""

from __future__ import annotations

from typing import Any

from prox_spark.training.recipes import CausalRecipe, Changes, Course, Recipe, Scratch, Shape, TaggerRecipe, read

__all__ = ["CausalRecipe", "Changes", "Course", "Recipe", "Scratch", "Shape", "TaggerRecipe", "read", "train"]


def train(recipe: Recipe) -> dict[str, Any]:
    """Run a recipe; a run that was cut off goes on where its folder says.

    Raises:
        EngineError: torch or another library that the recipe needs is not installed.
    """
    from importlib.util import find_spec

    from prox_spark.errors import EngineError

    if find_spec("torch") is None:
        raise EngineError("training needs torch: install the extra train of prox-spark")
    if isinstance(recipe, TaggerRecipe):
        from prox_spark.training.tagger.recipe import train as train_tagger

        return train_tagger(recipe)
    from prox_spark.training.causal import train as train_causal

    return train_causal(recipe)
