"""The transformers engine: any causal language model from a folder or the hub, on a CPU or a GPU, decoded greedily."""

from prox_spark.engines.transformers.engine import TransformersEngine

__all__ = ["TransformersEngine"]
