"""Greedy decoding on a GPU without Python in each step: the batch is read at once, then one CUDA graph is replayed.

A step of the library's `generate` takes about 0.1 s of a CPU for a model of 24 layers, whether it decodes 16 rows or
900 (measured beside an H200). A replayed graph leaves the GPU's own time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from prox_spark.engines.batching import Request

STEPS_AT_A_TIME = 32
"""So many steps run before somebody looks which rows have ended: looking waits for the GPU."""

_WORTH_IT = 4
"""Rows that have ended are let go when only one in so many goes on: to capture a graph anew takes as long as a few
dozen steps."""

_ATTENTION = "prox_spark_grouped"


def decoder(model: Any, ends: frozenset[int], pad: int) -> GraphDecoder | None:
    """Prepare a model whose steps can be captured; None if it is another."""
    if not fits(model):
        return None
    take_grouped_attention(model)
    return GraphDecoder(model, ends, pad)


class CannotCaptureError(Exception):
    """The model does something in a step that no graph can hold."""


def fits(model: Any) -> bool:
    """Tell whether the steps of a model can be captured: full attention in each layer, over a cache of fixed size."""
    from transformers import StaticCache

    if not getattr(model, "_can_compile_fullgraph", False) or model.config._attn_implementation != "sdpa":
        return False
    config = model.config.get_text_config()
    rotary = getattr(config, "rope_parameters", None) is not None
    layers = StaticCache(config=model.config, max_cache_len=8).layers
    return rotary and all(layer.is_compileable and not layer.is_sliding for layer in layers)


def take_grouped_attention(model: Any) -> None:
    """Have the model attend, one new token a row, without repeating keys and values for each head that shares them."""
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import sdpa_mask

    AttentionInterface.register(_ATTENTION, _grouped)
    AttentionMaskInterface.register(_ATTENTION, sdpa_mask)
    model.set_attn_implementation(_ATTENTION)


def _grouped(module: Any, query: Any, key: Any, value: Any, attention_mask: Any, **more: Any) -> tuple[Any, Any]:
    from torch.nn.functional import scaled_dot_product_attention
    from transformers.integrations.sdpa_attention import sdpa_attention_forward

    groups = getattr(module, "num_key_value_groups", 1)
    if query.shape[2] != 1 or groups == 1 or attention_mask is None or more.get("position_bias") is not None:
        plain: tuple[Any, Any] = sdpa_attention_forward(module, query, key, value, attention_mask, **more)
        return plain
    rows, heads, _, size = query.shape
    shared = query.view(rows, heads // groups, groups, size)  # the heads of a group are the queries of its keys
    mask = attention_mask.expand(-1, -1, groups, -1)
    mixed = scaled_dot_product_attention(shared, key, value, attn_mask=mask, scale=more.get("scaling"))
    return mixed.reshape(rows, 1, heads, size), None


@dataclass(slots=True)
class _Rows:
    """The rows of a batch that go on.

    Attributes:
        places: Where they stand in the batch.
        last: Their newest tokens, not yet read: rows × 1.
        seen: Which columns of the cache each row may see, that of its newest token included: rows × columns.
        layers: For each layer the keys and values: rows × heads × columns that are filled × size.
    """

    places: list[int]
    last: Any
    seen: Any
    layers: list[tuple[Any, Any]]


class GraphDecoder:
    """Decodes batches of a model whose steps can be captured."""

    def __init__(self, model: Any, ends: frozenset[int], pad: int) -> None:
        self._model, self._ends, self._pad = model, ends, pad
        self._device = model.device

    def decode(self, batch: Sequence[Request]) -> list[list[int]]:
        """Write the answer of each request, its end included; what follows an end or a row's own limit is no answer.

        Raises:
            CannotCaptureError: Another decoder has to do it.
        """
        import torch

        limit = max(request.max_new_tokens for request in batch)
        answers: list[list[int]] = [[] for _ in batch]
        with torch.inference_mode():
            rows, written = self._read(batch), 0
            while rows.places:
                steps = _Steps(self._model, rows, limit - written)
                while rows.places:
                    count = min(STEPS_AT_A_TIME, limit - written)
                    written += count
                    for place, tokens in zip(rows.places, steps.run(count).tolist(), strict=True):
                        answers[place] += tokens
                    keep = [at for at, place in enumerate(rows.places) if self._goes_on(batch[place], answers[place])]
                    if not keep or written >= limit:
                        return answers
                    if len(keep) * _WORTH_IT <= len(rows.places):
                        rows = steps.only(keep)
                        break
        return answers

    def _goes_on(self, request: Request, answer: Sequence[int]) -> bool:
        return len(answer) < request.max_new_tokens and self._ends.isdisjoint(answer)

    def _read(self, batch: Sequence[Request]) -> _Rows:
        """Read all prompts but their last tokens.

        They are padded on the right, where no earlier token sees it: so the attention needs no mask and takes the
        kernel that is fastest.
        """
        import torch

        width = max(len(request.token_ids) for request in batch)
        ids = torch.full((len(batch), width), self._pad)
        for row, request in enumerate(batch):
            ids[row, : len(request.token_ids)] = torch.tensor(request.token_ids)
        ids = ids.to(self._device)
        lengths = torch.tensor([[len(request.token_ids)] for request in batch], device=self._device)
        last = ids.gather(1, lengths - 1)
        seen = torch.arange(width, device=self._device) < lengths - 1
        seen[:, -1] = True  # the last token, whose column comes behind those of all others
        if width == 1:
            return _Rows(list(range(len(batch))), last, seen, [])
        cache = self._model.base_model(input_ids=ids[:, :-1], use_cache=True).past_key_values
        return _Rows(list(range(len(batch))), last, seen, [(layer.keys, layer.values) for layer in cache.layers])


class _Steps:
    """One step of a model for some rows, captured, and the tensors that it reads and writes."""

    def __init__(self, model: Any, rows: _Rows, room: int) -> None:
        """Take the rows' state into a cache of fixed size and capture a step.

        The first token is written without a graph: kernels are loaded and chosen before they are captured.

        Args:
            room: Tokens that may be written at most.

        Raises:
            CannotCaptureError: The model does something that no graph can hold.
        """
        import torch
        from transformers import StaticCache

        self._model, self._rows = model, rows
        columns = rows.seen.shape[1]
        total = -(-(columns + room) // 64) * 64
        self._cache = StaticCache(config=model.config, max_cache_len=total)
        for number, (keys, values) in enumerate(rows.layers):
            self._cache.update(keys, values, number)
        rows.layers.clear()  # they are many: the copy is enough
        self._tokens = rows.last.clone()
        self._positions = rows.seen.sum(1, keepdim=True) - 1
        self._seen = torch.zeros(len(rows.places), 1, 1, total, dtype=torch.bool, device=rows.last.device)
        self._seen[:, 0, 0, :columns] = rows.seen
        self._column = torch.tensor([columns], device=rows.last.device)
        self._written: list[Any] = []
        self._first: Any = None
        self._replay = self._captured(room)

    def run(self, count: int) -> Any:
        """Write so many tokens for each row: rows × count."""
        import torch

        new = []
        for _ in range(count):
            if self._first is None:
                self._replay()
            new.append(self._tokens.clone() if self._first is None else self._first)
            self._first = None
        self._written += new
        return torch.cat(new, 1)

    def only(self, keep: Sequence[int]) -> _Rows:
        """Take out the rows that go on."""
        import torch

        chosen = torch.tensor(keep, device=self._tokens.device)
        filled = self._rows.seen.shape[1] - 1 + len(self._written)
        layers = [(layer.keys[chosen, :, :filled], layer.values[chosen, :, :filled]) for layer in self._cache.layers]
        seen = self._seen[chosen, 0, 0, : filled + 1]
        return _Rows([self._rows.places[at] for at in keep], self._tokens[chosen], seen, layers)

    def _step(self) -> None:
        output = self._model(
            input_ids=self._tokens,
            position_ids=self._positions,
            attention_mask=self._seen,
            past_key_values=self._cache,
            use_cache=True,
        )
        self._tokens.copy_(output.logits[:, -1].argmax(-1, keepdim=True))
        self._positions.add_(1)
        self._seen.index_fill_(3, self._column, value=True)
        self._column.add_(1)

    def _captured(self, room: int) -> Callable[[], None]:
        """Run the first step, and give what runs each other one."""
        import torch

        if self._tokens.device.type != "cuda":  # the same steps, each by itself
            self._step()
            self._first = self._tokens.clone()
            return self._step
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            self._step()
        torch.cuda.current_stream().wait_stream(beside)
        self._first = self._tokens.clone()
        if not isinstance(self._cache.get_seq_length(), torch.Tensor):  # the graph would write to one column for ever
            raise CannotCaptureError("the library's cache of fixed size counts in Python")
        if room == 1:
            return self._step
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph, capture_error_mode="thread_local"):  # others may use the GPU meanwhile
                self._step()
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            raise CannotCaptureError(str(error)) from error
        replay: Callable[[], None] = graph.replay
        return replay
