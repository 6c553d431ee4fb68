"""The wrapper around what a model is shown: system text, turns, and what begins the answer."""

from __future__ import annotations

from collections.abc import Sequence

from prox_spark.engines.seam import Prompt
from prox_spark.profiles.profile import Profile

_NO_THOUGHT = "<think>\n\n</think>\n\n"
"""What Qwen3's chat template writes before the answer of a model that shall not think."""


def rendered(profile: Profile, text: str) -> str:
    """Write the prompt around a text or its numbered lines."""
    if profile.prompt_format == "raw":
        return text
    if profile.prompt_format == "chatml":
        system = f"<|im_start|>system\n{profile.system}<|im_end|>\n" if profile.system else ""
        stub = _NO_THOUGHT if profile.think_stub else ""
        return f"{system}<|im_start|>user\n{text}<|im_end|>\n<|im_start|>assistant\n{stub}"
    turn = f"[doc]\n{text}\n[/doc]" if profile.level == "chunk" else text
    if profile.prompt_format == "plain":
        return turn
    return f"<s>[INST] <<SYS>>\n{profile.system}\n<</SYS>>\n\n{turn.strip()} [/INST]"


def sized(profile: Profile, text: str, token_ids: Sequence[int]) -> Prompt:
    """Make a prompt whose answer fits the context beside it."""
    room = profile.max_new_tokens
    if profile.context_tokens is not None:
        room = max(1, min(room, profile.context_tokens - len(token_ids)))
    return Prompt(text, tuple(token_ids), room, profile.level, sampling=profile.sampling)
