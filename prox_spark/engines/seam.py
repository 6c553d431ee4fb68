"""The seam between the pipeline and whatever answers prompts: Prompt, Completion, Engine, and their tokenizer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

from prox_spark.chunks import Tokenizer
from prox_spark.program.operations import Level

FinishReason = Literal["stop", "length", "skipped", "error"]
DummyPrefix = Literal["first", "always"]


@dataclass(frozen=True, slots=True)
class Prompt:
    """Hold what an engine is asked.

    Attributes:
        text: The prompt as text.
        token_ids: The prompt as the model is to see it; None leaves the encoding to the engine (with its BOS).
        max_new_tokens: Longest completion, in tokens.
        level: What is asked for, a verdict on a document or the program of a chunk; engines without a model need it.
    """

    text: str
    token_ids: tuple[int, ...] | None = None
    max_new_tokens: int = 256
    level: Level = "chunk"


@dataclass(frozen=True, slots=True)
class Completion:
    """Hold what an engine answered.

    Attributes:
        text: The answer; empty where there is none.
        finish_reason: `stop` (the model ended it), `length` (max_new_tokens cut it), `skipped` (the prompt does not fit
            the model) or `error`.
        prompt_tokens: Tokens of the prompt as the model saw it.
        output_tokens: Tokens that were generated, the end-of-sequence token included.
        error: What happened, when skipped or error.
    """

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    output_tokens: int
    error: str | None = None


class Engine(Protocol):
    """Answer prompts: as many completions as prompts, in their order, each with its own error."""

    @property
    def tokenizer(self) -> Tokenizer:
        """Count tokens as the engine does; a `PromptTokenizer` where there is a model."""

    def generate(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """Answer every prompt; a prompt that fails is a completion with an error, never an exception."""

    def close(self) -> None:
        """Free what the engine holds; it answers no more."""


@runtime_checkable
class PromptTokenizer(Tokenizer, Protocol):
    """Turn text into a model's token ids and back."""

    def encode(self, text: str, *, add_bos: bool = True, dummy_prefix: DummyPrefix = "first") -> list[int]:
        """Encode `text`; special tokens written out in it, such as `<s>`, become their ids.

        Args:
            dummy_prefix: Where a Llama tokenizer puts its space: before the text only (`first`, what the slow tokenizer
                and current versions do), or also after every special token (`always`, what the fast one did).
        """

    def decode(self, token_ids: Sequence[int]) -> str:
        """Decode without special tokens."""

    def truncate(self, text: str, max_tokens: int) -> str:
        """Give the longest prefix of `text` that has at most `max_tokens` tokens, BOS not counted."""
