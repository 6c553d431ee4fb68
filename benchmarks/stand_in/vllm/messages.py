"""What travels between the engine and its core, in the form in which vLLM sends it: structs as msgpack arrays."""

from __future__ import annotations

import msgspec


class Request(msgspec.Struct, array_like=True, omit_defaults=True, gc=False):
    """One prompt."""

    request_id: str
    prompt_token_ids: list[int]
    max_tokens: int


class Step(msgspec.Struct, array_like=True, omit_defaults=True, gc=False):
    """What one step generated: for each request its name, a token, and why it ended."""

    outputs: list[tuple[str, int, str | None]]
