"""A Llama in numpy: greedy answers of a small model where torch is not installed; the demo's.

It computes what transformers' LlamaForCausalLM computes, one prompt at a time, and is meant for the model that ships:
anything larger belongs to the transformers or the vLLM engine.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import ThreadpoolController

from prox_spark.engines.batching import Request, refusal
from prox_spark.engines.seam import Completion, Prompt
from prox_spark.engines.tokenizer import ModelTokenizer
from prox_spark.errors import EngineError

Floats = NDArray[np.float32]


class NumpyLlama:
    """A Llama from a folder as an engine: config.json, tokenizer.json and model.safetensors."""

    def __init__(self, folder: Path) -> None:
        """Read the model.

        Raises:
            EngineError: A file is missing or cannot be read.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        try:
            self._config: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
            stored = load_file(str(folder / "model.safetensors"))
            self._tokenizer = ModelTokenizer(Tokenizer.from_str((folder / "tokenizer.json").read_text("utf-8")))
        except (OSError, ValueError, SafetensorError) as error:
            raise EngineError(f"cannot read a Llama from {folder}: {error}") from error
        self._weights = {name: value.astype(np.float32) for name, value in stored.items()}
        config = self._config
        self._heads: int = config["num_attention_heads"]
        self._groups: int = self._heads // config["num_key_value_heads"]
        self._size: int = config.get("head_dim") or config["hidden_size"] // self._heads
        head = "model.embed_tokens" if config["tie_word_embeddings"] else "lm_head"
        self._head = self._weights[f"{head}.weight"]
        self._threads = ThreadpoolController()

    @property
    def tokenizer(self) -> ModelTokenizer:
        """Count, encode and decode as the model does."""
        return self._tokenizer

    def generate(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """Answer every prompt; one that does not fit the context is `skipped`."""
        # The matrices are small: a second thread costs more than it brings.
        with self._threads.limit(limits=1, user_api="blas"):
            return [self._answer(index, prompt) for index, prompt in enumerate(prompts)]

    def close(self) -> None:
        """Do nothing: the weights go with the engine."""

    def logits(self, token_ids: Sequence[int]) -> Floats:
        """Give the logits behind each token."""
        scores: Floats = self._read(token_ids, self._cache(len(token_ids)), 0) @ self._head.T
        return scores

    def _answer(self, index: int, prompt: Prompt) -> Completion:
        prompt_ids = prompt.token_ids if prompt.token_ids is not None else tuple(self._tokenizer.encode(prompt.text))
        context, end = self._config["max_position_embeddings"], self._config["eos_token_id"]
        refused = refusal(Request(index, prompt_ids, prompt.max_new_tokens), context, len(self._head))
        if refused is not None:
            return refused
        cache = self._cache(len(prompt_ids) + prompt.max_new_tokens)
        hidden, written = self._read(prompt_ids, cache, 0)[-1], list[int]()
        while len(written) < prompt.max_new_tokens:
            token = int(np.argmax(self._head @ hidden))
            if token == end:
                return Completion(self._tokenizer.decode(written), "stop", len(prompt_ids), len(written) + 1)
            written.append(token)
            hidden = self._read([token], cache, len(prompt_ids) + len(written) - 1)[-1]
        return Completion(self._tokenizer.decode(written), "length", len(prompt_ids), len(written))

    def _cache(self, length: int) -> Floats:
        """Make room for the keys and the values of each layer, head and token."""
        shape = self._config["num_hidden_layers"], 2, self._heads, length, self._size
        return np.zeros(shape, np.float32)

    def _read(self, token_ids: Sequence[int], cache: Floats, past: int) -> Floats:
        """Read tokens behind `past` others that are in the cache; give the last layer's state behind each."""
        x = self._weights["model.embed_tokens.weight"][list(token_ids)]
        angles = self._angles(np.arange(past, past + len(x)))
        for number in range(len(cache)):
            name = f"model.layers.{number}."
            y = self._norm(x, name + "input_layernorm")
            x = x + self._attend(y, name + "self_attn.", cache[number], past, angles)
            y = self._norm(x, name + "post_attention_layernorm")
            gate = self._linear(y, name + "mlp.gate_proj")
            x = x + self._linear(gate / (1 + np.exp(-gate)) * self._linear(y, name + "mlp.up_proj"),
                                 name + "mlp.down_proj")  # fmt: skip
        return self._norm(x, "model.norm")

    def _attend(self, x: Floats, name: str, cache: Floats, past: int, angles: tuple[Floats, Floats]) -> Floats:
        count, end = len(x), past + len(x)
        q, k, v = (
            self._linear(x, name + part).reshape(count, -1, self._size).transpose(1, 0, 2)
            for part in ("q_proj", "k_proj", "v_proj")
        )
        cache[0][:, past:end] = _turned(k, angles).repeat(self._groups, 0)
        cache[1][:, past:end] = v.repeat(self._groups, 0)
        scores = _turned(q, angles) @ cache[0][:, :end].transpose(0, 2, 1) * np.float32(self._size**-0.5)
        scores[:, np.arange(end)[None] > np.arange(past, end)[:, None]] = -np.inf
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        mixed = scores / scores.sum(-1, keepdims=True) @ cache[1][:, :end]
        return self._linear(mixed.transpose(1, 0, 2).reshape(count, -1), name + "o_proj")

    def _angles(self, places: NDArray[np.int64]) -> tuple[Floats, Floats]:
        theta = self._config["rope_parameters"]["rope_theta"]
        turns = theta ** (-np.arange(0, self._size, 2, dtype=np.float32) / self._size)
        angles = np.tile(places[:, None].astype(np.float32) * turns.astype(np.float32), 2)
        return np.cos(angles), np.sin(angles)

    def _linear(self, x: Floats, name: str) -> Floats:
        projected: Floats = x @ self._weights[name + ".weight"].T
        return projected

    def _norm(self, x: Floats, name: str) -> Floats:
        square = (x * x).mean(-1, keepdims=True) + np.float32(self._config["rms_norm_eps"])
        scaled: Floats = x / np.sqrt(square) * self._weights[name + ".weight"]
        return scaled


def _turned(x: Floats, angles: tuple[Floats, Floats]) -> Floats:
    """Turn queries or keys by their places, as Llama does: the first half of each head with the second."""
    half = x.shape[-1] // 2
    turned = x * angles[0] + np.concatenate([-x[..., half:], x[..., :half]], -1) * angles[1]
    return turned.astype(np.float32, copy=False)
