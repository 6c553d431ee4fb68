"""The recipe that teaches a causal language model to write programs: any model, or a small one made from nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from prox_spark.training.recipes import CausalRecipe

__all__ = ["train"]


def train(recipe: CausalRecipe) -> dict[str, Any]:
    """Train, in this process or in several through Spark's TorchDistributor."""
    from prox_spark.training.causal.run import train as train_here

    if recipe.workers == 1:
        return train_here(recipe.model_dump_json())
    import torch
    from pyspark.ml.torch.distributor import TorchDistributor

    from prox_spark.spark.session import session

    session()  # the distributor takes the active one
    distributor = TorchDistributor(
        num_processes=recipe.workers, local_mode=recipe.local, use_gpu=torch.cuda.is_available()
    )
    return dict(distributor.run(train_here, recipe.model_dump_json()) or {})
