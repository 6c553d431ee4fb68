"""An OpenAI-compatible service over HTTP: connections are kept, what is busy is asked again, no answer is trusted."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from prox_spark.errors import EngineError

Answer = TypeVar("Answer")

_MAX_BYTES = 16 * 1024 * 1024
_BUSY = frozenset({408, 409, 425, 429, 500, 502, 503, 504})
_CLOSED = frozenset({401, 403, 404})


class Refused(Exception):
    """An answer that is the error of its request; asking again would not help."""


class Unavailable(Exception):
    """An endpoint that did not answer, however often it was asked; it may be there again in a moment."""


class Closed(Exception):
    """An endpoint that answers nobody with this URL, model and key."""


class Endpoint:
    """One address of a service, asked by several threads; proxies and certificates are those of the system."""

    def __init__(self, url: str, *, key: str | None, timeout: float, attempts: int, connections: int) -> None:
        """Prepare the connections; nothing is sent.

        Args:
            url: What is posted to.
            key: Sent as a bearer token; None sends none.
            timeout: Seconds to wait for a connection, and for the next bytes of an answer.
            attempts: How often a request is sent to an endpoint that is busy or away.
            connections: How many are open at once.

        Raises:
            EngineError: The packages are not installed.
        """
        try:
            import httpx2
            import tenacity
        except ImportError as error:
            raise EngineError("endpoints need more packages: install the extra openai of prox-spark") from error

        self.url = url
        self._retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Unavailable),
            stop=tenacity.stop_after_attempt(attempts),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=30),
            reraise=True,
        )
        self._client = httpx2.Client(
            headers={"Content-Type": "application/json", **({} if key is None else {"Authorization": f"Bearer {key}"})},
            timeout=timeout,
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
        )

    def post(self, body: dict[str, Any], answer: type[Answer]) -> Answer:
        """Send a request, and read the answer as the type that it must have.

        Raises:
            Refused: The endpoint has something against this request, or its answer is not of the type.
            Unavailable: It does not answer.
            Closed: It answers nobody.
        """
        content = self._retrying.copy()(self._ask, msgspec.json.encode(body))
        try:
            return msgspec.json.decode(content, type=answer)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise Refused(f"{error}, in the answer {_beginning(content)}") from error

    def close(self) -> None:
        """Hang up."""
        self._client.close()

    def _ask(self, body: bytes) -> bytes:
        import httpx2

        content = bytearray()
        try:
            with self._client.stream("POST", self.url, content=body) as response:
                for part in response.iter_bytes():
                    content += part
                    if len(content) > _MAX_BYTES:
                        raise Refused(f"the answer is longer than {_MAX_BYTES} bytes")
        except httpx2.RequestError as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error
        status = response.status_code
        if status in _BUSY:
            raise Unavailable(f"HTTP {status}")
        if status in _CLOSED:
            raise Closed(f"{self.url} answers HTTP {status}")
        if status != 200:
            raise Refused(f"HTTP {status}: {_beginning(content)}")
        _check_object(content)
        return bytes(content)


def _check_object(content: bytes | bytearray) -> None:
    if content.lstrip().startswith(b"{"):
        return
    try:
        msgspec.json.decode(content)
    except msgspec.DecodeError as error:  # a page of a proxy or of a server that is starting
        raise Unavailable(f"the answer is not JSON: {_beginning(content)}") from error
    raise Refused(f"the answer is no JSON object: {_beginning(content)}")


def _beginning(content: bytes | bytearray) -> str:
    return content[:300].decode("utf-8", "replace")
