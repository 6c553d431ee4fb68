"""Grammars of constrained decoding, byte by byte: what they take, and what a random model writes within them."""

from __future__ import annotations

import random
from typing import Any


def accepts(guide: Any, grammar: str, text: str) -> bool:
    """Say whether a grammar takes a text, whole."""
    matcher = _matcher(guide, grammar)
    return bool(matcher.consume_tokens(list(text.encode())) and matcher.is_accepting())


def written(guide: Any, grammar: str, seed: int, stop: float = 0.3) -> str:
    """Write a random answer, byte by byte, within the grammar, quoting anything it lets; a long one is cut."""
    choice, text = random.Random(seed), b""
    matcher = _matcher(guide, grammar)
    while not matcher.is_stopped() and len(text) < 4000:
        mask = matcher.compute_bitmask()
        allowed = [byte for byte in range(256) if mask[byte // 8] >> (byte % 8) & 1]
        if matcher.is_accepting() and (not allowed or choice.random() < stop):
            break
        byte = choice.choice(allowed)
        assert matcher.consume_token(byte)
        text += bytes([byte])
    return text.decode(errors="ignore")


def _matcher(guide: Any, grammar: str) -> Any:
    import llguidance

    matcher = llguidance.LLMatcher(guide, grammar)
    assert not matcher.is_error(), matcher.get_error()
    return matcher
