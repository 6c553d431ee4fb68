"""The tokenizer of a model, with the two ways in which Llama tokenizers treat text after a special token."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from prox_spark.engines.seam import DummyPrefix
from prox_spark.engines.words import SPACE, WordEncoder, splits_into_words

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Backend

_HALF_PAIR = re.compile("[\ud800-\udfff]")  # Python strings can hold them, the library refuses them


class ModelTokenizer:
    """A `tokenizers.Tokenizer`; its padding and truncation are switched off, its own BOS rule is kept.

    Where text can be encoded word by word (see `words`) it is, to the same ids.
    """

    def __init__(self, backend: Backend) -> None:
        """Copy `backend`, so that nothing done here changes the caller's."""
        parts = json.loads(backend.to_str())
        llama = _is_llama(parts)
        self._first, self._always = _variants(backend, llama=llama)
        self._words = WordEncoder(self._first, parts) if llama and splits_into_words(parts) else None
        template = self._first.encode("a").ids
        plain = self._first.encode("a", add_special_tokens=False).ids
        self._bos = template[: len(template) - len(plain)] if template[-len(plain) :] == plain else []

    def count(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, BOS included, in one batched call."""
        if self._words is not None:
            return [self._words.count(_whole(text)) + len(self._bos) for text in texts]
        encodings = self._first.encode_batch_fast([_whole(text) for text in texts], add_special_tokens=False)
        return [len(encoding) + len(self._bos) for encoding in encodings]

    def encode(self, text: str, *, add_bos: bool = True, dummy_prefix: DummyPrefix = "first") -> list[int]:
        """Encode `text`; special tokens written out in it become their ids (see `PromptTokenizer`)."""
        if self._words is not None:
            ids = self._words.encode(_whole(text), dummy_prefix)
        else:
            backend = self._first if dummy_prefix == "first" else self._always
            ids = backend.encode(_whole(text), add_special_tokens=False).ids
        return [*self._bos, *ids] if add_bos else ids

    def encode_batch(self, texts: Sequence[str], *, dummy_prefix: DummyPrefix = "first") -> list[list[int]]:
        """Encode texts, BOS included, in one call: the library works on several of them at a time."""
        if self._words is not None:
            return [self.encode(text, dummy_prefix=dummy_prefix) for text in texts]
        backend = self._first if dummy_prefix == "first" else self._always
        encodings = backend.encode_batch_fast([_whole(text) for text in texts], add_special_tokens=False)
        return [[*self._bos, *encoding.ids] for encoding in encodings]

    def encode_lines(self, lines: Sequence[str]) -> list[tuple[int, ...]] | None:
        """Encode lines as they stand behind a line break, that break included (see `PromptTokenizer`)."""
        return None if self._words is None else self._words.encode_lines([_whole(line) for line in lines])

    def decode(self, token_ids: Sequence[int]) -> str:
        """Decode without special tokens."""
        return self._first.decode(list(token_ids), skip_special_tokens=True)

    def decode_batch(self, token_ids: Sequence[Sequence[int]]) -> list[str]:
        """Decode several answers without special tokens, in one call."""
        return self._first.decode_batch([list(ids) for ids in token_ids], skip_special_tokens=True)

    def truncate(self, text: str, max_tokens: int) -> str:
        """Give the longest prefix of `text` that has at most `max_tokens` tokens, BOS not counted.

        A text far over the limit is not encoded as a whole: a window that doubles until it holds enough tokens is.
        """
        window = max(1, 8 * max_tokens)
        while True:
            end = self._cut(_whole(text[:window]), max(0, max_tokens))
            if end is not None:
                return text[:end]
            if window >= len(text):
                return text
            window *= 2

    def _cut(self, text: str, max_tokens: int) -> int | None:
        """Give the place where a text has `max_tokens` tokens behind it; None if it has no more."""
        if self._words is not None and not self._words.has_special(text):
            return self._words.cut(text, max_tokens)
        encoding = self._first.encode(text, add_special_tokens=False)
        return encoding.offsets[max_tokens][0] if len(encoding) > max_tokens else None


def _whole(text: str) -> str:
    return text if text.isascii() else _HALF_PAIR.sub("\ufffd", text)


def _variants(backend: Backend, *, llama: bool) -> tuple[Backend, Backend]:
    """Make the two forms of a Llama tokenizer; any other tokenizer has only one.

    Measured with Llama 2's vocabulary: `<s>[INST]` is 1, 29961 in the form `first` (the slow tokenizer with
    legacy=False, and transformers 5) and 1, 518 in the form `always` (tokenizer.json as it was converted).
    """
    from tokenizers import Tokenizer, normalizers, pre_tokenizers

    shipped: Backend = Tokenizer.from_str(backend.to_str())
    shipped.no_padding()
    shipped.no_truncation()
    if not llama:
        return shipped, shipped
    first, always = Tokenizer.from_str(shipped.to_str()), shipped
    first.normalizer = None
    first.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="first", split=False)
    always.normalizer = normalizers.Sequence([normalizers.Prepend(SPACE), normalizers.Replace(" ", SPACE)])
    always.pre_tokenizer = None
    return first, always


def _is_llama(parts: dict[str, object]) -> bool:
    """Say whether the text is prepared as SentencePiece's Llama models do: spaces as U+2581 and a dummy prefix."""
    prepend = {"type": "Prepend", "prepend": SPACE}
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": SPACE}
    if parts["pre_tokenizer"] is None:
        return parts["normalizer"] == {"type": "Sequence", "normalizers": [prepend, replace]}
    splitter = parts["pre_tokenizer"]
    return (
        parts["normalizer"] is None
        and isinstance(splitter, dict)
        and splitter.get("type") == "Metaspace"
        and splitter.get("split") is False
        and splitter.get("prepend_scheme") in ("first", "always")
    )
