"""Text generation behind one seam: prompts in, completions out, same length and order, each with its own error."""

from prox_spark.engines.identity import fingerprint
from prox_spark.engines.residency import create, loads, release, resident
from prox_spark.engines.rules import RulesEngine
from prox_spark.engines.scripted import ScriptedEngine
from prox_spark.engines.seam import Completion, Engine, Prompt, PromptTokenizer
from prox_spark.engines.tagger import TaggerEngine
from prox_spark.engines.transformers import TransformersEngine

__all__ = [
    "Completion",
    "Engine",
    "Prompt",
    "PromptTokenizer",
    "RulesEngine",
    "ScriptedEngine",
    "TaggerEngine",
    "TransformersEngine",
    "create",
    "fingerprint",
    "loads",
    "release",
    "resident",
]
