"""Text generation behind one seam: prompts in, completions out, same length and order, each with its own error."""

from prox_spark.engines.careful import answer_carefully, in_own_process
from prox_spark.engines.identity import fingerprint
from prox_spark.engines.openai import OpenAIEngine
from prox_spark.engines.residency import chosen, create, loads, on_gpu, release, resident
from prox_spark.engines.rules import RulesEngine
from prox_spark.engines.scripted import ScriptedEngine
from prox_spark.engines.seam import Completion, Engine, Prompt, PromptTokenizer, StreamingEngine, stream
from prox_spark.engines.tagger import TaggerEngine
from prox_spark.engines.transformers import TransformersEngine
from prox_spark.engines.vllm import VllmEngine

__all__ = [
    "Completion",
    "Engine",
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
    "chosen",
    "create",
    "fingerprint",
    "in_own_process",
    "loads",
    "on_gpu",
    "release",
    "resident",
    "stream",
]
