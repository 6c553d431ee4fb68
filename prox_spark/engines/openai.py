"""The openai engine: any endpoint that speaks OpenAI's completions, such as `vllm serve` or a serving platform."""

from __future__ import annotations

import http.client
import json
import logging
import ssl
import urllib.parse
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from prox_spark.chunks import Tokenizer, WordTokenizer
from prox_spark.config import secret
from prox_spark.engines.continuous import Key, failure
from prox_spark.engines.seam import Completion, Prompt
from prox_spark.errors import EngineError, TaskError

if TYPE_CHECKING:
    from prox_spark.config import OpenAISettings

logger = logging.getLogger(__name__)

_MAX_BYTES = 16 * 1024 * 1024
_RETRIED = frozenset({408, 409, 425, 429, 500, 502, 503, 504})


class _Refused(Exception):
    """Hold what the endpoint has against one prompt; asking again would not help."""


class _Unavailable(Exception):
    """Hold why the endpoint could not be asked; it may be there again in a moment."""


class OpenAIEngine:
    """Ask an endpoint, many requests at a time; prompts go as token ids where the model's tokenizer is at hand."""

    def __init__(self, settings: OpenAISettings) -> None:
        """Read the key, and the tokenizer if there is one; the endpoint is not asked.

        Raises:
            EngineError: The key is missing, or the URL is none.
        """
        self._settings = settings
        self._url = _url(settings)
        self._headers = {"Content-Type": "application/json"}
        if settings.key_variable is not None:
            key = secret(settings.key_variable)
            if key is None:
                raise EngineError(f"engine.key_variable names {settings.key_variable}, which is not set here")
            self._headers["Authorization"] = f"Bearer {key}"
        self._tokenizer = _tokenizer(settings)
        self._closed = False
        self._idle: list[http.client.HTTPConnection] = []  # appending and popping are safe between threads
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
        while self._idle:
            self._idle.pop().close()

    def _answer(self, prompt: Prompt) -> Completion:
        from tenacity import RetryError, Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

        retrying = Retrying(
            retry=retry_if_exception_type(_Unavailable),
            stop=stop_after_attempt(self._settings.attempts),
            wait=wait_random_exponential(multiplier=0.5, max=30),
        )
        try:
            return _completion(retrying(self._ask, _body(self._settings, prompt)))
        except RetryError as error:
            cause = error.last_attempt.exception()
            raise TaskError(f"{self._url.geturl()} does not answer: {cause}") from error
        except _Refused as error:
            return failure(prompt, error)

    def _ask(self, body: bytes) -> dict[str, Any]:
        connection = self._idle.pop() if self._idle else self._connection()
        try:
            connection.request("POST", self._url.path, body, self._headers)
            response = connection.getresponse()
            content = response.read(_MAX_BYTES)
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise _Unavailable(f"{type(error).__name__}: {error}") from error
        self._idle.append(connection)
        if response.status in _RETRIED:
            raise _Unavailable(f"HTTP {response.status}")
        if response.status in (401, 403, 404):
            raise TaskError(f"{self._url.geturl()} answers HTTP {response.status}: check engine.url, model and key")
        if response.status != 200:
            raise _Refused(f"HTTP {response.status}: {content[:300].decode('utf-8', 'replace')}")
        return _decoded(content)

    def _connection(self) -> http.client.HTTPConnection:
        place, seconds = self._url.netloc, self._settings.timeout_seconds
        if self._url.scheme == "https":
            return http.client.HTTPSConnection(place, timeout=seconds, context=ssl.create_default_context())
        return http.client.HTTPConnection(place, timeout=seconds)


def _url(settings: OpenAISettings) -> urllib.parse.SplitResult:
    parts = urllib.parse.urlsplit(f"{(settings.url or '').rstrip('/')}/completions")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EngineError(f"engine.url must be like https://host/v1, got {settings.url}")
    if parts.username or parts.password:
        raise EngineError("engine.url must not hold a password: name an environment variable in engine.key_variable")
    return parts


def _tokenizer(settings: OpenAISettings) -> Tokenizer:
    if settings.tokenizer is None:
        return WordTokenizer()
    from transformers import AutoTokenizer

    from prox_spark.engines.tokenizer import ModelTokenizer

    try:
        loaded = AutoTokenizer.from_pretrained(settings.tokenizer, revision=settings.revision, trust_remote_code=False)
        return ModelTokenizer(loaded.backend_tokenizer)
    except Exception as error:  # a folder can be broken in every way that the library knows
        raise EngineError(f"engine.tokenizer {settings.tokenizer} cannot be loaded: {error}") from error


def _body(settings: OpenAISettings, prompt: Prompt) -> bytes:
    asked: dict[str, Any] = {
        "model": settings.model,
        "prompt": list(prompt.token_ids) if prompt.token_ids is not None else prompt.text,
        "max_tokens": prompt.max_new_tokens,
        "temperature": 0.0,
    }
    return json.dumps(asked).encode()


def _decoded(content: bytes) -> dict[str, Any]:
    try:
        found = json.loads(content)
    except ValueError as error:
        raise _Unavailable(f"the answer is not JSON: {error}") from error
    if not isinstance(found, dict) or not isinstance(found.get("choices"), list) or not found["choices"]:
        raise _Refused(f"the answer has no choices: {content[:200].decode('utf-8', 'replace')}")
    return found


def _completion(answer: dict[str, Any]) -> Completion:
    choice, usage = answer["choices"][0], answer.get("usage") or {}
    text = str(choice.get("text") or "")
    asked, answered = (int(usage.get(name) or 0) for name in ("prompt_tokens", "completion_tokens"))
    reason = choice.get("finish_reason")
    if reason in ("stop", "length"):
        return Completion(text, reason, asked, answered)
    return Completion("", "error", asked, answered, f"the endpoint ended it with {reason}")
