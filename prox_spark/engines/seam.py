"""The seam between the pipeline and whatever answers prompts: Prompt, Completion, Engine, and their tokenizer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal, Protocol, TypeVar, runtime_checkable

from prox_spark.chunks import Tokenizer
from prox_spark.program.operations import Level

FinishReason = Literal["stop", "length", "skipped", "error"]
DummyPrefix = Literal["first", "always"]
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Sampling:
    """How an engine with a model chooses the next token, where it does not take the likeliest.

    Attributes:
        temperature: Above 0; 1 is what the model has learned.
        top_p: The likeliest tokens that have this probability together are drawn from.

    There is no seed: which tokens are drawn depends on the batch, on any GPU. Programs are stored, never made twice.
    """

    temperature: float = 1.0
    top_p: float = 1.0


@dataclass(frozen=True, slots=True)
class Prompt:
    """What an engine is asked.

    Attributes:
        text: The prompt as text.
        token_ids: The prompt as the model is to see it; None leaves the encoding to the engine (with its BOS).
        max_new_tokens: Longest completion, in tokens.
        level: What is asked for, a verdict on a document or the program of a chunk; engines without a model need it.
        grammar: What the answer may be, in llguidance's Lark; None for anything. Engines with a model follow it.
        sampling: How the next token is chosen; None takes the likeliest.
    """

    text: str
    token_ids: tuple[int, ...] | None = None
    max_new_tokens: int = 256
    level: Level = "chunk"
    grammar: str | None = None
    sampling: Sampling | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What an engine answered.

    Attributes:
        text: The answer; empty where there is none.
        finish_reason: `stop` (the model ended it), `length` (max_new_tokens cut it), `skipped` (the prompt does not fit
            the model) or `error`.
        prompt_tokens: Tokens of the prompt as the model saw it.
        output_tokens: Tokens that were generated, the end-of-sequence token included.
        error: What happened, when skipped or error.
        token_ids: The answer as the model wrote it, without its end, where it is still to be `decoded`; `text` is then
            empty. Only the stream of an engine gives such completions.
    """

    text: str
    finish_reason: FinishReason
    prompt_tokens: int
    output_tokens: int
    error: str | None = None
    token_ids: Sequence[int] | None = None


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
class StreamingEngine(Protocol):
    """Answer prompts while more of them arrive; what an engine adds that batches continuously."""

    def stream(self, prompts: Iterable[tuple[Key, Prompt]]) -> Iterator[tuple[Key, Completion]]:
        """Answer every prompt, each as soon as it is done, in any order; take more prompts as there is room for them.

        A completion may have token ids in place of its text, so that this thread has less to do: see `decoded`.

        Raises:
            TaskError: The engine is dead; a fresh worker may still succeed.
        """


def stream(engine: Engine, prompts: Iterable[tuple[Key, Prompt]], *, batch: int) -> Iterator[tuple[Key, Completion]]:
    """Answer prompts as they come: with an engine's own stream, or else `batch` of them at a time.

    Args:
        engine: The engine.
        prompts: Pairs of a key, whatever tells the caller whose prompt it is, and the prompt.
        batch: Prompts per call of an engine that has no stream.
    """
    if isinstance(engine, StreamingEngine):
        yield from engine.stream(prompts)
        return
    waiting = iter(prompts)
    while asked := list(islice(waiting, batch)):
        completions = engine.generate([prompt for _, prompt in asked])
        yield from zip((key for key, _ in asked), completions, strict=True)


@runtime_checkable
class PromptTokenizer(Tokenizer, Protocol):
    """Turn text into a model's token ids and back."""

    def encode(self, text: str, *, add_bos: bool = True, dummy_prefix: DummyPrefix = "first") -> list[int]:
        """Encode `text`; special tokens written out in it, such as `<s>`, become their ids.

        Args:
            dummy_prefix: Where a Llama tokenizer puts its space: before the text only (`first`, what the slow tokenizer
                and current versions do), or also after every special token (`always`, what the fast one did).
        """

    def encode_batch(self, texts: Sequence[str], *, dummy_prefix: DummyPrefix = "first") -> list[list[int]]:
        """Encode several texts, BOS included, in one call."""

    def encode_lines(self, lines: Sequence[str]) -> list[tuple[int, ...]] | None:
        """Encode lines as they stand behind a line break, that break included.

        Returns:
            The ids of each line. Joined they are those of the lines' text. None where that cannot be had: a token of
            the model may reach across a line break, or a special token is written out in a line.
        """

    def decode(self, token_ids: Sequence[int]) -> str:
        """Decode without special tokens."""

    def decode_batch(self, token_ids: Sequence[Sequence[int]]) -> list[str]:
        """Decode several answers without special tokens, in one call."""

    def truncate(self, text: str, max_tokens: int) -> str:
        """Give the longest prefix of `text` that has at most `max_tokens` tokens, BOS not counted."""


def decoded(completions: Sequence[Completion], tokenizer: Tokenizer) -> list[Completion]:
    """Give completions with their text, those that have token ids in its place decoded in one call."""
    coded = [completion.token_ids for completion in completions if completion.token_ids is not None]
    if not coded or not isinstance(tokenizer, PromptTokenizer):
        return list(completions)
    texts = iter(tokenizer.decode_batch(coded))
    return [item if item.token_ids is None else replace(item, text=next(texts), token_ids=None) for item in completions]
