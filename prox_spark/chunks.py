"""The chunker: numbers a document's lines and cuts it into the windows that a model is prompted with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

MAX_TOKENS = 1500
"""The reference's window."""

_BATCH_LINES = 4096
"""Lines tokenised in one call: enough to keep the tokenizer's threads busy, few enough to bound memory."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Hold one window of a document.

    Attributes:
        index: 0-based place among the document's chunks.
        line_start: First line, 0-based over the whole document.
        line_end: Last line, inclusive.
        prompt: The numbered lines, without any wrapper.
        tokens: Their tokens as the chunker counts: one beginning-of-sequence token a line.
    """

    index: int
    line_start: int
    line_end: int
    prompt: str
    tokens: int


@runtime_checkable
class Tokenizer(Protocol):
    """Count tokens; what the chunker needs to know of a model."""

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, the beginning-of-sequence token included."""
        ...


@dataclass(frozen=True, slots=True)
class WordTokenizer:
    """Count words, and two tokens more for marker and beginning: for engines that have no tokenizer."""

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the runs of characters other than blanks of each text, plus two.

        >>> WordTokenizer().count(["[000]one two", "[001]"])
        [4, 3]
        """
        return [len(text.split()) + 2 for text in texts]


@dataclass(frozen=True, slots=True)
class _FastTokenizer:
    """Count with a `tokenizers.Tokenizer`, which encodes a batch on all cores."""

    tokenizer: Any

    def count(self, texts: Sequence[str]) -> list[int]:
        tokenizer = self.tokenizer
        if tokenizer.truncation is not None or tokenizer.padding is not None:
            tokenizer = type(tokenizer).from_str(tokenizer.to_str())
            tokenizer.no_truncation()
            tokenizer.no_padding()
        return _lengths(tokenizer, texts)


@dataclass(frozen=True, slots=True)
class _ModelTokenizer:
    """Count with a transformers tokenizer, past its own per-call work where a fast one stands behind it."""

    tokenizer: Any

    def count(self, texts: Sequence[str]) -> list[int]:
        fast = getattr(self.tokenizer, "backend_tokenizer", None)
        if fast is None:
            return [len(ids) for ids in self.tokenizer(list(texts), verbose=False)["input_ids"]]
        fast.no_truncation()  # an earlier call may have left a limit; each call of transformers sets its own again
        fast.no_padding()
        return _lengths(fast, texts)


def _lengths(tokenizer: Any, texts: Sequence[str]) -> list[int]:
    encode = getattr(tokenizer, "encode_batch_fast", tokenizer.encode_batch)  # without offsets, where it exists
    return [len(encoding) for encoding in encode(list(texts))]


def as_tokenizer(tokenizer: object) -> Tokenizer:
    """Adapt an object with `count`, a `tokenizers.Tokenizer`, or a transformers tokenizer.

    Raises:
        TypeError: It is none of these.
    """
    if isinstance(tokenizer, Tokenizer):
        return tokenizer
    if hasattr(tokenizer, "encode_batch"):
        return _FastTokenizer(tokenizer)
    if callable(tokenizer):
        return _ModelTokenizer(tokenizer)
    raise TypeError(
        f"a tokenizer has count(texts) or encode_batch(texts), or is called; got {type(tokenizer).__name__}"
    )


def number_lines(lines: Sequence[str]) -> list[str]:
    """Write each line's number before it, as the models were taught: three digits or more.

    >>> number_lines(["A title", "", "A line"])
    ['[000]A title', '[001]', '[002]A line']
    """
    return [f"[{number:03d}]{line}" for number, line in enumerate(lines)]


def chunk(text: str, tokenizer: object, *, max_tokens: int = MAX_TOKENS) -> list[Chunk]:
    r"""Cut a text into chunks of whole lines with at most `max_tokens` tokens, in order and without a gap.

    A line that alone has more tokens is a chunk of its own; its `tokens` say so.

    >>> [(part.line_start, part.line_end) for part in chunk("a b\nc\nd e f", WordTokenizer(), max_tokens=8)]
    [(0, 1), (2, 2)]
    """
    numbered = number_lines(text.split("\n"))
    counts = _count(as_tokenizer(tokenizer), numbered)
    return [
        Chunk(index, start, end, "\n".join(numbered[start : end + 1]), tokens)
        for index, (start, end, tokens) in enumerate(_windows(counts, max_tokens))
    ]


def _count(tokenizer: Tokenizer, texts: Sequence[str]) -> list[int]:
    counts: list[int] = []
    for start in range(0, len(texts), _BATCH_LINES):
        counts.extend(tokenizer.count(texts[start : start + _BATCH_LINES]))
    return counts


def _windows(counts: Sequence[int], max_tokens: int) -> list[tuple[int, int, int]]:
    """Give (first line, last line, tokens) of each window, filled greedily."""
    windows: list[tuple[int, int, int]] = []
    start, total = 0, 0
    for line, count in enumerate(counts):
        if line > start and total + count > max_tokens:
            windows.append((start, line - 1, total))
            start, total = line, 0
        total += count
    windows.append((start, len(counts) - 1, total))
    return windows
