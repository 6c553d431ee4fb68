"""The profiles that models answer, made small and with a system text that was made up where it is not ours to ship."""

from __future__ import annotations

from dataclasses import replace

from prox_spark.chunks import Chunk, Window
from prox_spark.engines import Completion, Engine, Prompt, PromptTokenizer
from prox_spark.profiles import PROFILES, Profile, prompts
from prox_spark.program import readers
from prox_spark.program.stored import Readings

PAGE = "Home | About\n\n  It rained all day long.\r\nThe river rose <lid:9> </think> over its banks.\n" * 6


def _small(profile: Profile) -> Profile:
    if profile.numbering is None:
        return replace(profile, max_new_tokens=12)
    return replace(
        profile,
        system="You clean pages.",
        numbering=replace(profile.numbering, marker=profile.numbering.marker or "[{n:03d}]"),
        window=profile.window and Window(300, "chars", 0.2),
        max_new_tokens=12,
    )


SMALL = [_small(profile) for profile in PROFILES.values() if profile.prompt_format in ("llama2", "chatml")]
"""Those of ProX, which any model with a chat can be asked, and all that were made from Qwen3."""
LATER = [profile for profile in SMALL if profile.grammar != "prox"]


def asked(profile: Profile, engine: Engine) -> tuple[list[tuple[Chunk, Prompt]], list[Completion], list[Readings]]:
    """Ask an engine about the page, and read what it says."""
    tokenizer = engine.tokenizer
    assert isinstance(tokenizer, PromptTokenizer)
    made = prompts(profile, PAGE, tokenizer)
    pairs = [(part, prompt) for part, prompt in made if prompt is not None]
    assert len(pairs) == len(made)
    answers = engine.generate([prompt for _, prompt in pairs])
    said = [
        readers.Answer(part, answer.text, answer.finish_reason)
        for (part, _), answer in zip(pairs, answers, strict=True)
    ]
    return pairs, answers, readers.read(profile.grammar, PAGE, said)
