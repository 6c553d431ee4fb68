"""The vLLM engine: one or several cores that share a device, fed as one."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from prox_spark.engines import memory, models, nvidia
from prox_spark.engines.continuous import Continuous, Key
from prox_spark.engines.seam import Completion, Prompt, decoded
from prox_spark.engines.tokenizer import ModelTokenizer
from prox_spark.engines.vllm import environment
from prox_spark.engines.vllm.core import VllmCore
from prox_spark.errors import TaskError

if TYPE_CHECKING:
    from prox_spark.config import VllmSettings

logger = logging.getLogger(__name__)

WAITING = 2
"""Requests in flight for each that a core decodes: the next ones are there when it has room, without a pause."""

_SMALL = 1_000_000_000
"""Weights up to which a core cannot keep a large GPU busy: it spends a step's time on arranging the step."""

_LARGE_GPU = 70 * 2**30
_HOPPER = 9
"""A GPU as fast as this has nothing to do for a third of the time with one core of a small model (an H200: 552,100
tokens a second with two cores, 471,500 with one, of a model with 354 million weights)."""

_THREADS_EACH = 2
"""Each core has a process that is always busy, and the worker makes its prompts beside it."""


class VllmEngine:
    """A model in vLLM that answers prompts given as token ids, greedily where the profile does not sample.

    On a GPU the model has a process of its own, which goes on decoding while this one makes prompts; on a CPU, where
    both would share the cores, it lives in this process (`engine.own_process` decides otherwise). A small model on a
    large GPU is loaded more than once (`engine.engines_per_gpu`). Calls from several threads wait for each other.

    Attributes:
        taken: What was chosen where the settings leave it open: `max_sequences`, `max_batched_tokens` and
            `engines_per_gpu`.
    """

    def __init__(self, settings: VllmSettings) -> None:
        """Load the model.

        Raises:
            EngineError: vLLM, the model or the device cannot be had as configured, or the model does not fit.
        """
        source = models.source_of(settings)
        on_gpu = models.wants_gpu(settings.device)
        count = settings.engines_per_gpu or (engines_for(settings, source) if on_gpu else 1)
        number_type = models.number_type(settings.dtype, on_gpu=on_gpu)
        share = settings.memory_share / count
        settings = settings.model_copy(update={"dtype": number_type, "memory_share": share, "engines_per_gpu": count})
        environment.prepare(settings, source, on_gpu=on_gpu)
        self._cores: list[VllmCore] = []
        try:
            # One after another: the first compiles and the others find what it has compiled; and vLLM measures how much
            # memory its model takes, which it cannot while another one loads beside it.
            for _ in range(count):
                self._cores.append(VllmCore(settings, source, on_gpu=on_gpu))
        except BaseException:
            self.close()
            raise
        first = self._cores[0]
        self.taken = {**first.limits, "engines_per_gpu": count}
        logger.info("vLLM with %s", self.taken)
        self._requests = Continuous(self._cores, first.limits["max_sequences"] * WAITING)
        self._lock = threading.Lock()

    @property
    def tokenizer(self) -> ModelTokenizer:
        """Count, encode and decode as the model does."""
        return self._live()[0].tokenizer

    def generate(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """Answer every prompt; one that does not fit the context is `skipped`, one that fails is an `error`.

        Raises:
            TaskError: The model is dead; a fresh worker may still succeed.
        """
        answers = dict(self.stream(enumerate(prompts)))
        return decoded([answers[index] for index in range(len(prompts))], self.tokenizer)

    def stream(self, prompts: Iterable[tuple[Key, Prompt]]) -> Iterator[tuple[Key, Completion]]:
        """Answer prompts as they come, each as soon as it is done (see `StreamingEngine`).

        Raises:
            TaskError: The model is dead; a fresh worker may still succeed.
        """
        with self._lock:
            self._live()
            yield from self._requests.stream(prompts)

    def close(self) -> None:
        """Free the model and the memory of its device."""
        cores, self._cores = self._cores, []
        for core in cores:
            core.close()

    def _live(self) -> list[VllmCore]:
        if not self._cores:
            raise TaskError("the engine was closed while it was in use")
        return self._cores


def engines_for(settings: VllmSettings, source: tuple[str, str | None]) -> int:
    """Choose how often the GPU that this process sees holds the model.

    Twice a small one on a large GPU, where the task has the cores; otherwise once.
    """
    gpu = nvidia.visible_gpu()
    if gpu is None or gpu.total < _LARGE_GPU or gpu.generation is None or gpu.generation < _HOPPER:
        return 1
    if (settings.threads or environment.cores()) < 2 * _THREADS_EACH:
        return 1
    with contextlib.suppress(Exception):  # a model that cannot be had is told of by whoever loads it
        return 2 if 0 < memory.parameters(models.folder_of(source)) <= _SMALL else 1
    return 1
