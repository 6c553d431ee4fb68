"""The openai engine: any endpoint that speaks OpenAI's completions, such as `vllm serve` or a serving platform."""

from __future__ import annotations

import urllib.parse
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from prox_spark.chunks import Tokenizer, WordTokenizer
from prox_spark.config import secret
from prox_spark.engines.continuous import Key, failure
from prox_spark.engines.endpoint import Closed, Endpoint, Refused, Unavailable
from prox_spark.engines.seam import Completion, FinishReason, Prompt
from prox_spark.errors import EngineError, TaskError

if TYPE_CHECKING:
    from prox_spark.config import OpenAISettings

_ENDS: dict[str, FinishReason] = {"stop": "stop", "length": "length"}

_Tokens = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


class _Choice(msgspec.Struct):
    text: str
    finish_reason: str | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: _Tokens | None = None
    completion_tokens: _Tokens | None = None


class _Answer(msgspec.Struct):
    choices: Annotated[list[_Choice], msgspec.Meta(min_length=1)]
    usage: _Usage | None = None


class OpenAIEngine:
    """Ask an endpoint, many requests at a time; prompts go as token ids where the model's tokenizer is at hand."""

    def __init__(self, settings: OpenAISettings) -> None:
        """Read the key, and the tokenizer if there is one; the endpoint is not asked.

        Raises:
            EngineError: The key is missing, or the URL is none.
        """
        self._settings = settings
        url, key = _url(settings), None
        if settings.key_variable is not None and (key := secret(settings.key_variable)) is None:
            raise EngineError(f"engine.key_variable names {settings.key_variable}, which is not set here")
        self._endpoint = Endpoint(
            url,
            key=key,
            timeout=settings.timeout_seconds,
            attempts=settings.attempts,
            connections=settings.in_flight,
        )
        self._tokenizer = _tokenizer(settings)
        self._closed = False
        self._pool = ThreadPoolExecutor(settings.in_flight, thread_name_prefix="prox-openai")

    @property
    def tokenizer(self) -> Tokenizer:
        """Count as the model does if `engine.tokenizer` names its tokenizer, else in words."""
        return self._tokenizer

    def generate(self, prompts: Sequence[Prompt]) -> list[Completion]:
        """Answer every prompt.

        Raises:
            TaskError: The endpoint does not answer, however often it is asked.
        """
        answers = dict(self.stream(enumerate(prompts)))
        return [answers[index] for index in range(len(prompts))]

    def stream(self, prompts: Iterable[tuple[Key, Prompt]]) -> Iterator[tuple[Key, Completion]]:
        """Answer prompts as they come, `engine.in_flight` at a time (see `StreamingEngine`).

        Raises:
            TaskError: The endpoint does not answer, however often it is asked.
        """
        if self._closed:
            raise TaskError("the engine was closed while it was in use")
        waiting = iter(prompts)
        flight: dict[Future[Completion], Key] = {}
        try:
            while True:
                while len(flight) < self._settings.in_flight and (item := next(waiting, None)) is not None:
                    flight[self._pool.submit(self._answer, item[1])] = item[0]
                if not flight:
                    return
                done, _ = wait(flight, return_when=FIRST_COMPLETED)
                for future in done:
                    yield flight.pop(future), future.result()
        finally:
            for future in flight:
                future.cancel()

    def close(self) -> None:
        """Drop what is not yet sent, wait for the rest, and hang up."""
        self._closed = True
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._endpoint.close()

    def _answer(self, prompt: Prompt) -> Completion:
        try:
            return _completion(self._endpoint.post(_body(self._settings, prompt), _Answer))
        except Refused as error:
            return failure(prompt, error)
        except Unavailable as error:
            raise TaskError(f"{self._endpoint.url} does not answer: {error}") from error
        except Closed as error:
            raise TaskError(f"{error}: check engine.url, model and key") from error


def _url(settings: OpenAISettings) -> str:
    parts = urllib.parse.urlsplit(f"{(settings.url or '').rstrip('/')}/completions")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EngineError(f"engine.url must be like https://host/v1, got {settings.url}")
    if parts.username or parts.password:
        raise EngineError("engine.url must not hold a password: name an environment variable in engine.key_variable")
    return parts.geturl()


def _tokenizer(settings: OpenAISettings) -> Tokenizer:
    if settings.tokenizer is None:
        return WordTokenizer()
    from prox_spark.engines.tokenizer import ModelTokenizer

    try:
        from transformers import AutoTokenizer
    except ImportError as error:
        raise EngineError("engine.tokenizer needs transformers: install the extra hf of prox-spark") from error
    try:
        loaded = AutoTokenizer.from_pretrained(settings.tokenizer, revision=settings.revision, trust_remote_code=False)
        return ModelTokenizer(loaded.backend_tokenizer)
    except Exception as error:  # a folder can be broken in every way that the library knows
        raise EngineError(f"engine.tokenizer {settings.tokenizer} cannot be loaded: {error}") from error


def _body(settings: OpenAISettings, prompt: Prompt) -> dict[str, Any]:
    sampling = prompt.sampling
    return {
        "model": settings.model,
        "prompt": list(prompt.token_ids) if prompt.token_ids is not None else prompt.text,
        "max_tokens": prompt.max_new_tokens,
        "temperature": 0.0 if sampling is None else sampling.temperature,
        **({} if sampling is None else {"top_p": sampling.top_p}),
    }


def _completion(answer: _Answer) -> Completion:
    choice, usage = answer.choices[0], answer.usage or _Usage()
    asked, answered = usage.prompt_tokens or 0, usage.completion_tokens or 0
    if reason := _ENDS.get(choice.finish_reason or ""):
        return Completion(choice.text, reason, asked, answered)
    return Completion("", "error", asked, answered, f"the endpoint ended it with {choice.finish_reason}"[:500])
