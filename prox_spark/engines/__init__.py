"""Text generation behind one seam: prompts in, completions out, same length and order, each with its own error."""

from prox_spark.engines.careful import answer_carefully, in_own_process
from prox_spark.engines.kinds import KINDS, Kind, create, fingerprint, kind_of, resolve
from prox_spark.engines.openai import OpenAIEngine
from prox_spark.engines.residency import get_engine, loads, on_gpu, release, taken
from prox_spark.engines.rules import RulesEngine
from prox_spark.engines.scripted import ScriptedEngine
from prox_spark.engines.seam import (
    Completion,
    Engine,
    Prompt,
    PromptTokenizer,
    StreamingEngine,
    decoded,
    stream,
)
from prox_spark.engines.tagger import TaggerEngine
from prox_spark.engines.transformers import TransformersEngine
from prox_spark.engines.vllm import VllmEngine

__all__ = [
    "KINDS",
    "Completion",
    "Engine",
    "Kind",
    "OpenAIEngine",
    "Prompt",
    "PromptTokenizer",
    "RulesEngine",
    "ScriptedEngine",
    "StreamingEngine",
    "TaggerEngine",
    "TransformersEngine",
    "VllmEngine",
    "answer_carefully",
    "create",
    "decoded",
    "fingerprint",
    "get_engine",
    "in_own_process",
    "kind_of",
    "loads",
    "on_gpu",
    "release",
    "resolve",
    "stream",
    "taken",
]
