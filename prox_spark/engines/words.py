"""Encoding word by word, each distinct word once: for tokenizers of which no token reaches across words or lines.

Llama 1 and 2 and most models made from them have such a tokenizer: byte-pair merges over a whole text, U+2581 for a
space. No merge gives a token with a space behind something else, with a line break, or with a digit beside anything. So
what the merges make of a text is what they make of its pieces between such places, and text repeats its words: of real
pages 24 pieces of 25 have been seen before.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, chain
from typing import TYPE_CHECKING, Any

from prox_spark.engines.seam import DummyPrefix

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Backend

SPACE = "\u2581"

_PIECE = re.compile(f"{SPACE}*[^{SPACE}\n0-9]+|[0-9]{{1,3}}|{SPACE}+|\n")
_CROSSES = re.compile(f"[^{SPACE}]{SPACE}|\n|[0-9]")

_LONGEST = 32
"""Longer pieces are not kept: they are lines without spaces, which hardly come again."""

MOST = 200_000
"""Pieces that are kept, about 45 MB; then all are forgotten. Real pages bring 40,000 new ones per million tokens."""


class _Pieces(dict[str, tuple[int, ...]]):
    """The token ids of pieces, each encoded when it is first met."""

    def __init__(self, backend: Backend, most: int) -> None:
        super().__init__()
        self._model = backend.model
        self._most = most

    def __missing__(self, piece: str) -> tuple[int, ...]:
        token_ids = tuple(token.id for token in self._model.tokenize(piece))
        if len(piece) <= _LONGEST:
            if len(self) >= self._most:
                self.clear()
            self[piece] = token_ids
        return token_ids

    def start(self, piece: str, token: int) -> int:
        """Give the place in a piece, in characters, where its token of that number starts."""
        before = self._model.tokenize(piece)[token].offsets[0]
        return len(piece.encode()[:before].decode(errors="ignore"))


class WordEncoder:
    """Encodes text as a Llama tokenizer does whose JSON `splits_into_words`; BOS is the caller's affair."""

    def __init__(self, backend: Backend, parts: Mapping[str, Any], *, most: int = MOST) -> None:
        self._pieces = _Pieces(backend, most)
        self._special = {token["content"]: (token["id"],) for token in parts["added_tokens"]}
        longest_first = sorted(self._special, key=len, reverse=True)
        self._is_special = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    def encode(self, text: str, dummy_prefix: DummyPrefix) -> list[int]:
        """Give the ids of a text; special tokens written out in it become their ids."""
        return list(chain.from_iterable(self._tokens(text, dummy_prefix)))

    def count(self, text: str) -> int:
        """Count the tokens of a text."""
        return sum(map(len, self._tokens(text, "first")))

    def encode_lines(self, lines: Sequence[str]) -> list[tuple[int, ...]] | None:
        """Encode lines as they stand behind a line break, that break included; None if there are special tokens."""
        if self._is_special.search("\n".join(lines)):
            return None
        known = self._pieces.__getitem__
        shown = (f"\n{line.replace(' ', SPACE)}" for line in lines)
        return [tuple(chain.from_iterable(map(known, _PIECE.findall(line)))) for line in shown]

    def cut(self, text: str, max_tokens: int) -> int | None:
        """Give the place where a text without special tokens has `max_tokens` tokens behind it; None if it has less."""
        shown = _prefixed(text, "first")
        pieces = _PIECE.findall(shown)
        counts = list(accumulate(map(len, map(self._pieces.__getitem__, pieces))))
        last = bisect_right(counts, max_tokens)  # the piece that the first token too many is in
        if last == len(pieces):
            return None
        before = sum(map(len, pieces[:last]))
        into = self._pieces.start(pieces[last], max_tokens - (counts[last - 1] if last else 0))
        return max(0, before + into - (len(shown) - len(text)))

    def has_special(self, text: str) -> bool:
        """Say whether special tokens are written out in a text."""
        return self._is_special.search(text) is not None

    def _tokens(self, text: str, dummy_prefix: DummyPrefix) -> Iterator[tuple[int, ...]]:
        known = self._pieces.__getitem__
        if not self._is_special.search(text):
            return map(known, _PIECE.findall(_prefixed(text, dummy_prefix)))
        return self._tokens_between(text, dummy_prefix)

    def _tokens_between(self, text: str, dummy_prefix: DummyPrefix) -> Iterator[tuple[int, ...]]:
        at = 0
        for match in [*self._is_special.finditer(text), None]:
            part = text[at : match.start() if match else len(text)]
            shown = _prefixed(part, dummy_prefix) if at == 0 or dummy_prefix == "always" else part.replace(" ", SPACE)
            yield from map(self._pieces.__getitem__, _PIECE.findall(shown))
            if match:
                yield self._special[match[0]]
                at = match.end()


def _prefixed(text: str, dummy_prefix: DummyPrefix) -> str:
    """Write a text as the merges see it; the form `first` adds its space only where none is."""
    text = text.replace(" ", SPACE)
    return text if not text or (dummy_prefix == "first" and text.startswith(SPACE)) else SPACE + text


def splits_into_words(parts: Mapping[str, Any]) -> bool:
    """Say whether a tokenizer, given as its JSON, encodes a text as it encodes the pieces of it.

    Its normalizer and pre-tokenizer must do no more than write spaces as U+2581, which the caller checks.
    """
    model = parts["model"]
    plain = ("dropout", "continuing_subword_prefix", "end_of_word_suffix", "ignore_merges")
    if model.get("type") != "BPE" or any(model.get(name) for name in plain):
        return False
    if not model.get("byte_fallback") or not all(f"<0x{byte:02X}>" in model["vocab"] for byte in range(256)):
        return False  # unknown characters in a row would become one token
    loose = ("normalized", "lstrip", "rstrip", "single_word")
    if any(token.get(name) for token in parts["added_tokens"] for name in loose):
        return False
    merges = (merge.split(" ") if isinstance(merge, str) else merge for merge in model["merges"])
    return not any(_CROSSES.search("".join(merge)) for merge in merges)
