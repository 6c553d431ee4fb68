"""The prompts of the refiners after ProX: numbered lines in windows that may overlap, in the format of a chat."""

from __future__ import annotations

from dataclasses import replace

from prox_spark.chunks import Chunk, Numbering, Tokenizer, Window, cut
from prox_spark.engines.seam import Prompt, PromptTokenizer
from prox_spark.profiles.profile import Profile
from prox_spark.profiles.rendered import rendered, sized

Windows = list[tuple[Chunk, Prompt | None]]


def prompts(profile: Profile, shown: str, tokenizer: Tokenizer) -> Windows:
    """Make one prompt for each window of a text that can stand in a prompt.

    A text with a window that does not fit the model is cut anew, into smaller windows of tokens, where the profile says
    so; a window that is one overlong line has no prompt, and neither has one that shows nothing.
    """
    made = _made(profile, shown, tokenizer, profile.window)
    if profile.too_long == "skip" or all(prompt is not None or not part.prompt for part, prompt in made):
        return made
    wrapper = tokenizer.count([rendered(profile, "")])[0]
    overlap = 0.0 if profile.window is None else profile.window.overlap
    room = max(1, (profile.max_prompt_tokens or 0) - wrapper)
    return _made(profile, shown, tokenizer, Window(room, "tokens", overlap))


def _made(profile: Profile, shown: str, tokenizer: Tokenizer, window: Window | None) -> Windows:
    parts = cut(shown, tokenizer, profile.numbering or Numbering(), window)
    asked = [part for part in parts if part.prompt]
    texts = [rendered(profile, part.prompt) for part in asked]
    made: Windows = [(part, None) for part in parts]
    if isinstance(tokenizer, PromptTokenizer):
        encoded = tokenizer.encode_batch(texts)
        counts = [len(token_ids) for token_ids in encoded]
        written = [sized(profile, text, token_ids) for text, token_ids in zip(texts, encoded, strict=True)]
    else:
        counts = tokenizer.count(texts)
        written = [
            Prompt(text, None, profile.max_new_tokens, profile.level, sampling=profile.sampling) for text in texts
        ]
    for part, tokens, prompt in zip(asked, counts, written, strict=True):
        fits = profile.max_prompt_tokens is None or tokens <= profile.max_prompt_tokens
        made[part.index] = replace(part, tokens=tokens), prompt if fits else None
    return made
