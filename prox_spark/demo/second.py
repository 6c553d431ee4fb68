"""One page of the demo by the small language model that ships, token by token; in numpy, without torch."""

from __future__ import annotations

import time
from dataclasses import dataclass
from importlib import resources


@dataclass(frozen=True, slots=True)
class RefinedPage:
    """What the language model made of a page.

    Attributes:
        url: The page.
        document: What it wrote of the page as a whole.
        program: What it wrote of its lines, the programs of all chunks.
        after: The page after executing them.
        chunks: How many chunks it was asked about.
        seconds: How long it wrote, about both.
    """

    url: str
    document: str
    program: str
    after: str
    chunks: int
    seconds: float


def write(url: str, text: str) -> RefinedPage:
    """Have the language model refine a page."""
    from prox_spark import profiles
    from prox_spark.demo.llama import NumpyLlama
    from prox_spark.program import execute

    with resources.as_file(resources.files("prox_spark") / "models" / "tiny-lm") as folder:
        engine = NumpyLlama(folder)
    began = time.perf_counter()
    [(_, whole)] = profiles.prompts(profiles.find("tiny-doc"), text, engine.tokenizer)
    prompted = profiles.prompts(profiles.find("tiny-lm-chunk"), text, engine.tokenizer)
    answers = iter(engine.generate([prompt for _, prompt in [(None, whole), *prompted] if prompt is not None]))
    document = next(answers).text if whole is not None else ""
    completions = [(chunk, next(answers).text) for chunk, prompt in prompted if prompt is not None]
    seconds = time.perf_counter() - began
    after = execute(text, completions).text or ""
    return RefinedPage(url, document, "".join(program for _, program in completions), after, len(completions), seconds)
