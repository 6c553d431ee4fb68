"""The transformers engine: batches by length and memory, decoded by the library or, on a GPU, by captured steps."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prox_spark.engines import memory, models
from prox_spark.engines.batching import Limits, Request, batches, isolate, refusal
from prox_spark.engines.seam import Completion, Prompt, Sampling
from prox_spark.engines.tokenizer import ModelTokenizer
from prox_spark.engines.transformers import graphs
from prox_spark.engines.transformers.constraints import Constraints
from prox_spark.errors import EngineError, TaskError

if TYPE_CHECKING:
    from prox_spark.config import TransformersSettings

logger = logging.getLogger(__name__)

_TOKENS_AT_A_TIME = 32
"""A batch decodes so many tokens before the rows that have ended leave it."""

_CPU_PROMPTS = 16
_CPU_TOKENS = 131_072  # 64 prompts of the published models' whole context; their KV cache is then about 0.8 GB

_GPU_PROMPTS = 4096
_GPU_TOKENS = 1_000_000
"""More tokens a batch bring little: reading them takes three seconds of an H200, as long as some hundred steps."""

_GPU_SHARE = 0.7
"""The part of the free memory of a GPU that a batch is made for; a batch that does not fit is halved."""


class TransformersEngine:
    """A causal language model that is loaded once; weights come from safetensors only, and no code from the model runs.

    Batches are sorted by length and padded on the left. A batch that runs out of memory is halved, and the smaller
    size is kept; a batch that fails otherwise is halved until the prompt to blame stands alone. Calls from several
    threads wait for each other.
    """

    def __init__(self, settings: TransformersSettings) -> None:
        """Load the model and its tokenizer.

        Raises:
            EngineError: The model, its revision or the device cannot be had as configured.
        """
        import torch

        if settings.threads is not None:
            torch.set_num_threads(settings.threads)  # Spark starts its workers with OMP_NUM_THREADS=1
        on_gpu = models.wants_gpu(settings.device)
        self._device = "cuda" if on_gpu else "cpu"
        dtype = models.number_type(settings.dtype, on_gpu=on_gpu)
        name, revision = source = models.source_of(settings)
        if revision is None:
            memory.require(Path(name), memory.dtype_bytes(dtype), 0.0, on_gpu=on_gpu)
        try:
            loaded, tokenizer = models.load_model("AutoModelForCausalLM", source, getattr(torch, dtype))
            self._model: Any = loaded.eval().requires_grad_(False).to(self._device)
            self._tokenizer = ModelTokenizer(models.backend_of(tokenizer, name))
        except EngineError:
            raise
        except Exception as error:  # a folder of a model can be broken in every way that its libraries know
            raise EngineError(f"engine.model {settings.model} cannot be loaded: {error}") from error
        self._eos = models.ends_of_sequence(source, self._model.config, tokenizer)
        self._pad = next((i for i in (tokenizer.pad_token_id, *sorted(self._eos)) if i is not None), 0)
        self._vocabulary: int = self._model.get_input_embeddings().num_embeddings
        self._context, self._limits = _limits(self._model, settings.batch_size, on_gpu=on_gpu)
        self._graphs = graphs.decoder(self._model, self._eos, self._pad) if on_gpu else None
        self._selects = not getattr(self._model, "_is_stateful", False)  # a state of its own has no rows to choose
        self._constraints = Constraints(tokenizer, self._vocabulary, self._eos)
        self._lock = threading.Lock()
        self._model.generation_config = self._chosen(None)  # a shipped one may sample or punish repetition

    @property
    def tokenizer(self) -> ModelTokenizer:
        """Count, encode and decode as the model does."""
        return self._tokenizer

    def generate(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """Answer every prompt; one that does not fit the context is `skipped`, one that fails is an `error`.

        Raises:
            TaskError: The device is lost; a fresh worker may still succeed.
        """
        answers: dict[int, Completion] = {}
        requests = []
        for index, prompt in enumerate(prompts):
            request = self._request(index, prompt)
            refused = refusal(request, self._context, self._vocabulary)
            if refused is None:
                requests.append(request)
            else:
                answers[index] = refused
        with self._lock:
            for alike in _by_sampling(requests):
                for batch in batches(alike, self._limits):
                    for part in _parts(batch, self._limits.size):
                        answers.update(isolate(part, self._answer, _failure))
        return [answers[index] for index in range(len(prompts))]

    def close(self) -> None:
        """Free the model and the memory of its device."""
        with self._lock:
            self._model = None
            models.free(self._device)

    def _request(self, index: int, prompt: Prompt) -> Request:
        token_ids = prompt.token_ids
        if token_ids is None:
            token_ids = tuple(self._tokenizer.encode(prompt.text))
        return Request(index, token_ids, prompt.max_new_tokens, prompt.grammar, prompt.sampling)

    def _answer(self, batch: Sequence[Request]) -> list[Completion]:
        import torch

        if self._model is None:
            raise TaskError("the engine was closed while it was in use")
        try:
            rows = self._decode(batch)
        except torch.OutOfMemoryError:
            self._limits = Limits(max(1, len(batch) // 2), self._limits.tokens, self._limits.positions)
            models.free(self._device)
            logger.warning("out of memory with %d prompts; going on with %d at a time", len(batch), self._limits.size)
            raise
        except torch.AcceleratorError as error:
            raise TaskError(f"the device failed: {error}") from error
        return [self._completion(request, row) for request, row in zip(batch, rows, strict=True)]

    def _decode(self, batch: Sequence[Request]) -> list[list[int]]:
        if self._graphs is not None and not any(request.grammar or request.sampling for request in batch):
            try:
                return self._graphs.decode(batch)
            except graphs.CannotCaptureError as error:
                logger.warning("the steps of this model cannot be captured, the library decodes: %s", error)
                self._graphs = None
        return self._generate(batch)

    def _generate(self, batch: Sequence[Request]) -> list[list[int]]:
        """Decode a batch, and every few tokens let go of the rows that have ended: the longest answer goes on alone."""
        import torch

        width = max(len(request.token_ids) for request in batch)
        padded = [[self._pad] * (width - len(r.token_ids)) + list(r.token_ids) for r in batch]
        shown = [[0] * (width - len(r.token_ids)) + [1] * len(r.token_ids) for r in batch]
        ids, mask = torch.tensor(padded, device=self._device), torch.tensor(shown, device=self._device)
        processors = self._constraints.processors([request.grammar for request in batch])
        rows: list[list[int]] = [[] for _ in batch]
        going, cache = list(range(len(batch))), None
        most = _TOKENS_AT_A_TIME if self._selects else max(request.max_new_tokens for request in batch)
        while going:
            left = max(batch[at].max_new_tokens - len(rows[at]) for at in going)
            with torch.inference_mode():
                output = self._model.generate(
                    input_ids=ids,
                    attention_mask=mask,
                    past_key_values=cache,
                    generation_config=self._chosen(min(left, most), batch[0].sampling, return_dict_in_generate=True),
                    logits_processor=processors,
                )
            for at, written in zip(going, output.sequences[:, ids.shape[1] :].tolist(), strict=True):
                rows[at] += written
            keep = [place for place, at in enumerate(going) if self._goes_on(batch[at], rows[at])]
            if len(keep) < len(going) and keep:
                output.past_key_values.batch_select_indices(torch.tensor(keep, device=self._device))
            for processor in processors:
                processor.keep(keep)
            ids, cache = output.sequences[keep], output.past_key_values
            mask = torch.nn.functional.pad(mask[keep], (0, ids.shape[1] - mask.shape[1]), value=1)
            going = [going[place] for place in keep]
        return rows

    def _goes_on(self, request: Request, row: Sequence[int]) -> bool:
        return len(row) < request.max_new_tokens and self._eos.isdisjoint(row)

    def _chosen(
        self, max_new_tokens: int | None, sampling: Sampling | None = None, *, return_dict_in_generate: bool = False
    ) -> Any:
        """Write how tokens are chosen: the likeliest, or as the profile samples, out of all."""
        from transformers import GenerationConfig

        config: Any = GenerationConfig  # its constructor has no annotations
        eos = sorted(self._eos) or None
        drawn = {} if sampling is None else {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
        return config(
            do_sample=sampling is not None,
            **drawn,
            num_beams=1,
            max_new_tokens=max_new_tokens,
            eos_token_id=eos,
            pad_token_id=self._pad,
            return_dict_in_generate=return_dict_in_generate,
        )

    def _completion(self, request: Request, row: Sequence[int]) -> Completion:
        """Cut a row of the batch at its end or at its own limit, whichever comes first."""
        own = row[: request.max_new_tokens]
        end = next((at for at, token in enumerate(own) if token in self._eos), None)
        text = self._tokenizer.decode(own if end is None else own[:end])
        if end is None:
            return Completion(text, "length", len(request.token_ids), len(own))
        return Completion(text, "stop", len(request.token_ids), end + 1)


def _limits(model: Any, batch_size: int | None, *, on_gpu: bool) -> tuple[int | None, Limits]:
    """Read the context, and choose the size of batches.

    Rotary positions may run past the context (a neighbour's limit may be longer), learned ones may not.
    """
    config = model.config.get_text_config()
    context: int | None = getattr(config, "max_position_embeddings", None)
    positions = None if getattr(config, "rope_parameters", None) is not None else context
    if not on_gpu:
        return context, Limits(batch_size or _CPU_PROMPTS, _CPU_TOKENS, positions)
    import torch

    free, _ = torch.cuda.mem_get_info()
    tokens = max(1, min(_GPU_TOKENS, int(free * _GPU_SHARE / _bytes_of_a_token(model, context or 0))))
    return context, Limits(batch_size or _GPU_PROMPTS, tokens, positions)


def _bytes_of_a_token(model: Any, context: int) -> int:
    """Estimate the memory that a token of a batch takes.

    Those are its keys and values, twice while they are copied, and the widest of what is computed for it, the row of a
    mask over the context included.
    """
    config = model.config.get_text_config()
    heads = config.num_attention_heads
    size = getattr(config, "head_dim", None) or config.hidden_size // heads
    kept = 2 * config.num_hidden_layers * (getattr(config, "num_key_value_heads", None) or heads) * size
    computed = 8 * config.hidden_size + 3 * (getattr(config, "intermediate_size", None) or 4 * config.hidden_size)
    width = int(next(model.parameters()).element_size())
    return int((2 * kept + computed) * width + 3 * context)


def _by_sampling(requests: Sequence[Request]) -> list[list[Request]]:
    """Part the requests by how their tokens are chosen, which a batch has in common."""
    alike: dict[Sampling | None, list[Request]] = {}
    for request in requests:
        alike.setdefault(request.sampling, []).append(request)
    return list(alike.values())


def _parts(batch: Sequence[Request], size: int) -> list[Sequence[Request]]:
    return [batch[start : start + size] for start in range(0, len(batch), size)]


def _failure(request: Request, error: Exception) -> Completion:
    return Completion("", "error", len(request.token_ids), 0, f"{type(error).__name__}: {error}"[:500])
