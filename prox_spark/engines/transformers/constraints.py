"""Constrained decoding for transformers: at each step only the tokens that the prompt's grammar allows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from prox_spark.errors import EngineError


class Constraints:
    """A maker of logits processors for batches; llguidance is loaded with the first grammar."""

    def __init__(self, tokenizer: Any, vocabulary: int, eos: frozenset[int]) -> None:
        self._tokenizer = tokenizer
        self._vocabulary = vocabulary
        self._eos = eos
        self._guide: Any = None

    def processors(self, grammars: Sequence[str | None]) -> list[Any]:
        """Give the processors for a batch, one grammar (or None) for each of its prompts.

        Raises:
            EngineError: llguidance is not installed.
            ValueError: A grammar cannot be read.
        """
        if not any(grammars):
            return []
        return [Mask(self._guided(), grammars, self._vocabulary, self._eos)]

    def _guided(self) -> Any:
        if self._guide is None:
            try:
                from llguidance import hf
            except ImportError as error:
                raise EngineError("constrain needs llguidance: install the extra hf of prox-spark") from error
            self._guide = hf.from_tokenizer(self._tokenizer, self._vocabulary, sorted(self._eos) or None)
        return self._guide


class Mask:
    """A logits processor that follows each row of one batch through its grammar, and forbids what may not come next.

    Behind the end of its grammar an answer can only end.
    """

    def __init__(self, guide: Any, grammars: Sequence[str | None], vocabulary: int, eos: frozenset[int]) -> None:
        from llguidance import LLMatcher
        from llguidance.torch import allocate_token_bitmask

        self._matchers = [LLMatcher(guide, grammar) if grammar else None for grammar in grammars]
        for matcher in self._matchers:
            if matcher is not None and matcher.is_error():
                raise ValueError(f"the grammar cannot be read: {matcher.get_error()}")
        self._bits = allocate_token_bitmask(1, vocabulary)
        self._eos = sorted(eos)
        self._seen: int | None = None

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        """Take what was written at the last step, and give the scores with all else at minus infinity."""
        if self._seen is not None:
            written = input_ids[:, self._seen :].tolist()
            for matcher, tokens in zip(self._matchers, written, strict=True):
                if matcher is not None and not matcher.is_stopped():
                    matcher.consume_tokens(tokens)
        self._seen = input_ids.shape[1]
        for row, matcher in enumerate(self._matchers):
            if matcher is not None:
                scores[row] = scores[row].masked_fill(~self._allowed(matcher, scores), float("-inf"))
        return scores

    def keep(self, rows: Sequence[int]) -> None:
        """Go on with some of the rows only; what they wrote last is taken at the next step."""
        self._matchers = [self._matchers[row] for row in rows]

    def _allowed(self, matcher: Any, scores: Any) -> Any:
        import torch
        from llguidance.torch import fill_next_token_bitmask

        if matcher.is_stopped():
            allowed = torch.zeros(scores.shape[1], dtype=torch.bool)
            allowed[self._eos or slice(None)] = True
            return allowed.to(scores.device)
        fill_next_token_bitmask(matcher, self._bits, 0)
        bits = torch.arange(32, dtype=torch.int32)
        allowed = ((self._bits[0].unsqueeze(1) >> bits) & 1).flatten()[: scores.shape[1]].bool()
        return allowed.to(scores.device)
