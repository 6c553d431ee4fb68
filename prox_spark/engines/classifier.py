"""The classifier engine: a model of transformers that judges a text with one number, such as FineWeb-Edu's."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prox_spark.chunks import WordTokenizer
from prox_spark.engines import memory, models
from prox_spark.engines.batching import Limits, Request, batches, isolate
from prox_spark.engines.scores import scored
from prox_spark.engines.seam import Completion, Prompt
from prox_spark.engines.tokenizer import ModelTokenizer
from prox_spark.errors import EngineError, TaskError

if TYPE_CHECKING:
    from prox_spark.config import ClassifierSettings

_CPU_TEXTS, _CPU_TOKENS = 16, 8192
_GPU_TEXTS, _GPU_TOKENS = 256, 131_072
"""Texts and tokens of a batch; there is no cache, so more of them bring nothing."""


class ClassifierEngine:
    """A sequence classifier that is loaded once; weights come from safetensors only, and none of the model's code runs.

    A text is judged by its first `engine.max_tokens` tokens. A model with one output gives it as it is (a regression);
    one with several gives the probability of `engine.label`. Batches are sorted by length and padded; one that fails is
    halved until the text to blame stands alone. Calls from several threads wait for each other.
    """

    def __init__(self, settings: ClassifierSettings) -> None:
        """Load the model and its tokenizer.

        Raises:
            EngineError: The model, its revision, its label or the device cannot be had as configured.
        """
        import torch

        if settings.threads is not None:
            torch.set_num_threads(settings.threads)
        on_gpu = models.wants_gpu(settings.device)
        self._device = "cuda" if on_gpu else "cpu"
        dtype = models.number_type(settings.dtype, on_gpu=on_gpu)
        name, revision = source = models.source_of(settings)
        if revision is None:
            memory.require(Path(name), memory.dtype_bytes(dtype), 0.0, on_gpu=on_gpu)
        try:
            loaded, self._tokens = models.load_model(
                "AutoModelForSequenceClassification", source, getattr(torch, dtype)
            )
            self._model: Any = loaded.eval().requires_grad_(False).to(self._device)
            self._cutter = ModelTokenizer(models.backend_of(self._tokens, name))
        except EngineError:
            raise
        except Exception as error:  # a folder of a model can be broken in every way that its libraries know
            raise EngineError(f"engine.model {settings.model} cannot be loaded: {error}") from error
        self._output = _output(self._model.config, settings.label)
        positions = getattr(self._model.config, "max_position_embeddings", None) or settings.max_tokens
        self._most = min(settings.max_tokens, positions)
        size, tokens = (_GPU_TEXTS, _GPU_TOKENS) if on_gpu else (_CPU_TEXTS, _CPU_TOKENS)
        self._limits = Limits(settings.batch_size or size, tokens)
        self._lock = threading.Lock()

    @property
    def tokenizer(self) -> WordTokenizer:
        """Count words: the engine itself cuts a text at the tokens that its model reads."""
        return WordTokenizer()

    def generate(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """Answer every prompt with `score(value)`; a text that fails is an `error`.

        Raises:
            TaskError: The device is lost; a fresh worker may still succeed.
        """
        encoded = self._encoded([prompt.text for prompt in prompts])
        requests = [Request(index, tuple(token_ids), 0) for index, token_ids in enumerate(encoded)]
        answers: dict[int, Completion] = {}
        with self._lock:
            for batch in batches(requests, self._limits):
                answers.update(isolate(batch, self._answer, _failure))
        return [answers[index] for index in range(len(prompts))]

    def close(self) -> None:
        """Free the model and the memory of its device."""
        with self._lock:
            self._model = None
            models.free(self._device)

    def _encoded(self, texts: Sequence[str]) -> list[list[int]]:
        """Encode the beginning of texts as the model reads them; of a long one the rest is not looked at."""
        if not texts:
            return []
        cut = [self._cutter.truncate(text, self._most).encode(errors="replace").decode() for text in texts]
        encoded: list[list[int]] = self._tokens(cut, truncation=True, max_length=self._most)["input_ids"]
        return encoded

    def _answer(self, batch: Sequence[Request]) -> list[Completion]:
        import torch

        if self._model is None:
            raise TaskError("the engine was closed while it was in use")
        padded = self._tokens.pad({"input_ids": [list(request.token_ids) for request in batch]}, return_tensors="pt")
        try:
            with torch.inference_mode():
                logits = self._model(**padded.to(self._device)).logits.float()
        except torch.AcceleratorError as error:
            raise TaskError(f"the device failed: {error}") from error
        values = (logits[:, 0] if self._output is None else logits.softmax(-1)[:, self._output]).tolist()
        return [scored(value, len(request.token_ids)) for request, value in zip(batch, values, strict=True)]


def _output(config: Any, label: str | None) -> int | None:
    """Find the output that a label names; None stands for the only one, which is a score as it is.

    Raises:
        EngineError: There are several and the label names none of them.
    """
    known: dict[str, int] = {str(name): int(number) for name, number in config.label2id.items()}
    if config.num_labels == 1 and label is None:
        return None
    if label not in known or config.num_labels == 1:
        raise EngineError(f"engine.label must be one of {', '.join(sorted(known))}, got {label or 'nothing'}")
    return known[label]


def _failure(request: Request, error: Exception) -> Completion:
    return Completion("", "error", len(request.token_ids), 0, f"{type(error).__name__}: {error}"[:500])
