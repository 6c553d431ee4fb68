"""Chat completions of an OpenAI-compatible service: one question, one answer."""

from __future__ import annotations

from typing import Annotated

import msgspec

from prox_spark.config.secrets import secret
from prox_spark.engines.endpoint import Closed, Endpoint, Refused, Unavailable
from prox_spark.errors import ConfigError, RunError, UserError
from prox_spark.training.annotation.settings import AnnotationSettings

__all__ = ["Client", "Refused"]


class _Message(msgspec.Struct):
    content: str


class _Choice(msgspec.Struct):
    message: _Message


class _Answer(msgspec.Struct):
    choices: Annotated[list[_Choice], msgspec.Meta(min_length=1)]


class Client:
    """One model of a service."""

    def __init__(self, settings: AnnotationSettings) -> None:
        """Take the endpoint and read the key.

        Raises:
            ConfigError: The variable of the key is not set.
        """
        key = None
        if settings.key_variable is not None and (key := secret(settings.key_variable)) is None:
            raise ConfigError(f"key_variable names {settings.key_variable}, which is not set in the environment")
        self._settings = settings
        self._endpoint = Endpoint(
            settings.endpoint.rstrip("/") + "/chat/completions",
            key=key,
            timeout=settings.timeout,
            attempts=settings.attempts,
            connections=settings.parallel,
        )

    def ask(self, question: str) -> str:
        """Give the answer to a question, decoded greedily.

        Raises:
            Refused: The service has something against this question, or its answer is not a chat completion.
            UserError: It answers nobody with this URL, model and key.
            RunError: It could not be reached or stayed busy.
        """
        body = {
            "model": self._settings.model,
            "messages": [{"role": "user", "content": question}],
            "temperature": 0.0,
            "max_tokens": self._settings.max_tokens,
        }
        try:
            return self._endpoint.post(body, _Answer).choices[0].message.content
        except Closed as error:
            raise UserError(f"{error}: check endpoint, model and key_variable") from error
        except Unavailable as error:
            raise RunError(
                f"{self._endpoint.url} could not be asked ({error}); run the same command again to go on"
            ) from error

    def close(self) -> None:
        """Hang up."""
        self._endpoint.close()
