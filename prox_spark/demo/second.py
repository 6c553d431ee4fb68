"""One page of the demo by the small language model that ships, token by token; only where torch is installed."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

logger = logging.getLogger(__name__)

MODEL = Path(__file__).resolve().parents[1] / "models" / "tiny-lm"
"""The language model that ships."""


@dataclass(frozen=True, slots=True)
class Written:
    """Hold what the language model made of a page.

    Attributes:
        url: The page.
        program: What it wrote, the programs of all chunks.
        after: The page after executing them.
        chunks: How many chunks it was asked about.
        seconds: How long it wrote.
    """

    url: str
    program: str
    after: str
    chunks: int
    seconds: float


def write(url: str, text: str) -> Written | None:
    """Have the language model refine a page; None where torch or transformers is not installed."""
    if find_spec("torch") is None or find_spec("transformers") is None or not (MODEL / "config.json").exists():
        return None
    from prox_spark import engines, profiles
    from prox_spark.config import EngineSettings
    from prox_spark.program import execute

    engine = engines.create(EngineSettings(kind="transformers", model=str(MODEL), device="cpu", batch_size=16))
    began = time.perf_counter()
    asked = profiles.prompts(profiles.find("tiny-lm-chunk"), text, engine.tokenizer)
    answers = iter(engine.generate([prompt for _, prompt in asked if prompt is not None]))
    said = [(chunk, next(answers).text) for chunk, prompt in asked if prompt is not None]
    seconds = time.perf_counter() - began
    engine.close()
    after = execute(text, said).text or ""
    return Written(url, "\n".join(program for _, program in said), after, len(said), seconds)
