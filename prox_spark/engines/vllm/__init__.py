"""The vLLM engine: resident models on a GPU (or in a CPU worker), their batches kept full across Arrow batches."""

from prox_spark.engines.vllm.engine import VllmEngine

__all__ = ["VllmEngine"]
