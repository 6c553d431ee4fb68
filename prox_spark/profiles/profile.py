"""The value that a refining profile is, and its fingerprint."""

from __future__ import annotations

import hashlib
import json
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Literal

from prox_spark.chunks import Numbering, Window
from prox_spark.engines.seam import Sampling
from prox_spark.program import grammar, grammars
from prox_spark.program.operations import Level

PromptFormat = Literal["llama2", "plain", "raw", "chatml"]

PROMPTS_VERSION = 1
"""Part of every profile's fingerprint: raise it with every change of how prompts are made."""

SYSTEM = "You are a helpful, respectful and honest assistant."
"""The system text of ProX."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How a text becomes prompts, and in which grammar the answers are.

    Attributes:
        name: What users call it; not part of its fingerprint.
        level: `document` (one prompt with the text as it is) or `chunk` (one per chunk of numbered lines).
        prompt_format: `llama2` (system text and user turn), `plain` (the user turn alone), `raw` (the text or the
            numbered lines alone, for engines that are no models) or `chatml` (Qwen's chat).
        system: The system text of the formats llama2 and chatml.
        max_prompt_tokens: Longest prompt, wrapper included: a longer document is cut, a longer chunk is skipped; None
            for no limit.
        max_chunk_tokens: Size of a chunk as the chunker of ProX counts it.
        max_new_tokens: Longest completion.
        context_tokens: What prompt and completion share; None for no limit.
        parity: Whether the prompts are the published ones, quirks included.
        constrain: Whether the model may write nothing but programs about the lines that it is shown.
        line_chars: Of a longer line only so many characters are shown, its beginning and its end, and about how many it
            has; None shows all. A document for a model is then shown without blank lines and, where it has too many
            tokens, without its shortest lines; engines that are no models read it as it is.
        max_lines: A chunk with a line behind so many is skipped: the model has no words for such numbers; None for no
            limit.
        grammar: What the answers are written in, a name of `program.readers`.
        numbering: How lines are shown where the chunker is not ProX's; None where it is.
        window: How much of a document such a prompt shows; None shows it whole.
        too_long: A text that does not fit one of its prompts is cut into smaller windows (`window`), or that prompt is
            not asked (`skip`), as published.
        think_stub: Whether the prompt ends in an empty thought, as Qwen3's does where it shall not think.
        sampling: How the next token is chosen; None takes the likeliest.
        system_file: What a user has to bring, where the system text is not ours to ship: where it is published.
        system_sha256: Hash of that text, where it is known.
    """

    name: str
    level: Level
    prompt_format: PromptFormat
    system: str = SYSTEM
    max_prompt_tokens: int | None = None
    max_chunk_tokens: int = 1500
    max_new_tokens: int = 256
    context_tokens: int | None = None
    parity: bool = False
    constrain: bool = False
    line_chars: int | None = None
    max_lines: int | None = None
    grammar: str = "prox"
    numbering: Numbering | None = None
    window: Window | None = None
    too_long: Literal["skip", "window"] = "skip"
    think_stub: bool = False
    sampling: Sampling | None = None
    system_file: str | None = None
    system_sha256: str | None = None


_LATER = ("max_lines", "numbering", "window", "too_long", "think_stub", "sampling")
"""Fields that profiles did not have at first: at their defaults they are in no fingerprint, so that those of programs
that were stored before stay."""

_NOT_ASKED = ("system_file", "system_sha256")
"""Fields that decide nothing once the system text is there."""


def profile_fingerprint(profile: Profile) -> str:
    """Give a SHA-256 in hex over everything in the profile that decides its prompts; its name does not."""
    parts = {**asdict(profile), "name": None, "version": PROMPTS_VERSION}
    answers = parts.pop("grammar")
    if parts.pop("constrain"):
        parts["grammar"] = grammars.VERSION if answers in grammars.GRAMMARS else grammar.VERSION
    defaults = {field.name: field.default for field in fields(profile) if field.default is not MISSING}
    for name in (*_NOT_ASKED, *(name for name in _LATER if name in parts and parts[name] == defaults[name])):
        del parts[name]
    if answers != defaults["grammar"]:
        parts["answers"] = answers
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
