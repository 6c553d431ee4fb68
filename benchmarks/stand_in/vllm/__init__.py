"""A stand-in for vLLM's engine: its boundary to the core process is real, the card is a clock.

What prox_spark calls of vLLM is here under vLLM's names, so that the product runs as it is. As in vLLM the prompts go
as msgpack through a ZeroMQ socket to a process of their own, which answers with one token for each request and step; a
thread decodes what comes back. The core generates nothing: it waits as long as the card would take (see `core`).
"""

from __future__ import annotations

import json
import queue
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import zmq
from tokenizers import Tokenizer

from .messages import Request, Step
from .sampler import sampler

__version__ = "stand-in"


@dataclass
class EngineArgs:
    """Take vLLM's arguments; the stand-in reads the model's folder and how much is scheduled at once."""

    model: str
    max_num_seqs: int | None = None
    max_num_batched_tokens: int | None = None
    more: dict[str, Any] = field(default_factory=dict)

    def __init__(self, model: str, **more: Any) -> None:
        self.model = model
        self.max_num_seqs = more.pop("max_num_seqs", None)
        self.max_num_batched_tokens = more.pop("max_num_batched_tokens", None)
        self.more = more


@dataclass
class SamplingParams:
    """Hold what a request asks for."""

    temperature: float = 1.0
    top_p: float = 1.0
    max_tokens: int = 16
    stop_token_ids: list[int] | None = None
    detokenize: bool = True
    output_kind: Any = None
    structured_outputs: Any = None


@dataclass(slots=True)
class _Answer:
    token_ids: list[int]
    finish_reason: str | None = None


@dataclass(slots=True)
class _Output:
    request_id: str
    prompt_token_ids: list[int]
    outputs: list[_Answer]
    finished: bool = True


class _Client:
    """The sockets to the core, and the thread that decodes what it sends."""

    def __init__(self, arguments: EngineArgs) -> None:
        self._context = zmq.Context(io_threads=1)
        self._requests = self._context.socket(zmq.PUSH)
        self._answers = self._context.socket(zmq.PULL)
        for socket in (self._requests, self._answers):
            socket.set_hwm(0)  # nothing is held back, as in vLLM
            socket.linger = 0
        ports = [socket.bind_to_random_port("tcp://127.0.0.1") for socket in (self._requests, self._answers)]
        self._encoder = msgspec.msgpack.Encoder()
        self.outputs_queue: queue.Queue[Step | Exception] = queue.Queue()
        told = json.dumps({"model": arguments.model, "ports": ports, "sequences": arguments.max_num_seqs,
                           "budget": arguments.max_num_batched_tokens})  # fmt: skip
        self.process = subprocess.Popen([sys.executable, "-m", "vllm.core", told])
        self._closed = threading.Event()
        self._reader = threading.Thread(target=self._read, name="stand-in-outputs", daemon=True)
        self._reader.start()
        self.outputs_queue.get()  # the core is up

    def _read(self) -> None:
        decoder = msgspec.msgpack.Decoder(Step)
        while not self._closed.is_set():
            if self._answers.poll(200):
                self.outputs_queue.put_nowait(decoder.decode(self._answers.recv(copy=False).buffer))
        self._answers.close()

    def send(self, request: Request) -> None:
        self._requests.send(self._encoder.encode(request), copy=False)

    def shutdown(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=10)
        self._closed.set()
        self._reader.join()
        self._requests.close()
        self._context.term()


class LLMEngine:
    """vLLM's engine for one caller: requests in, a step at a time, answers out."""

    def __init__(self, arguments: EngineArgs) -> None:
        self.model_config = _ModelConfig(Path(arguments.model))
        about = json.loads((Path(arguments.model) / "stand_in.json").read_text())
        arguments.max_num_seqs = arguments.max_num_seqs or about["sequences"]
        arguments.max_num_batched_tokens = arguments.max_num_batched_tokens or about["budget"]
        self.vllm_config = SimpleNamespace(scheduler_config=arguments)
        self._tokenizer = _Tokenizer(Path(arguments.model), self.model_config.hf_config)
        self.engine_core = _Client(arguments)
        self._open: dict[str, _Output] = {}
        self._sampler = sampler(arguments.model)

    @classmethod
    def from_engine_args(cls, arguments: EngineArgs, **more: Any) -> LLMEngine:
        del more
        return cls(arguments)

    def get_tokenizer(self) -> Any:
        return self._tokenizer

    def add_request(self, request_id: str, prompt: dict[str, Any], params: SamplingParams) -> str:
        self._sampler.feeds()
        token_ids = prompt["prompt_token_ids"]
        self._open[request_id] = _Output(request_id, token_ids, [_Answer([])])
        self.engine_core.send(Request(request_id, token_ids, params.max_tokens))
        return request_id

    def step(self) -> list[_Output]:
        began = time.monotonic()
        answered = self.engine_core.outputs_queue.get()
        self._sampler.waited += time.monotonic() - began
        if isinstance(answered, Exception):
            raise answered
        finished = []
        for request_id, token, reason in answered.outputs:
            output = self._open.get(request_id)
            if output is None:
                continue
            output.outputs[0].token_ids.append(token)
            if reason is not None:
                output.outputs[0].finish_reason = reason
                finished.append(self._open.pop(request_id))
        self._sampler.feeds()
        return finished

    def abort_request(self, names: list[str], *, internal: bool = False) -> None:
        del internal
        for name in names:
            self._open.pop(name, None)

    def has_unfinished_requests(self) -> bool:
        return bool(self._open)


class _ModelConfig:
    def __init__(self, folder: Path) -> None:
        self.hf_config = SimpleNamespace(**json.loads((folder / "config.json").read_text()))
        self.max_model_len: int = self.hf_config.max_position_embeddings

    def get_vocab_size(self) -> int:
        return int(self.hf_config.vocab_size)


class _Tokenizer:
    def __init__(self, folder: Path, config: SimpleNamespace) -> None:
        self.backend_tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.eos_token_id: int = config.eos_token_id
