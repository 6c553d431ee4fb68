"""A client for chat completions of an OpenAI-compatible service: one question, one answer, tried again when busy."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request

from prox_spark.config.secrets import secret
from prox_spark.errors import ConfigError, RunError, UserError
from prox_spark.training.annotation.settings import AnnotationSettings

_BUSY = (408, 409, 425, 429, 500, 502, 503, 504)


class Client:
    """Ask one model."""

    def __init__(self, settings: AnnotationSettings) -> None:
        """Take the endpoint and read the key.

        Raises:
            ConfigError: The variable of the key is not set.
        """
        self._settings = settings
        self._url = settings.endpoint.rstrip("/") + "/chat/completions"
        self._headers = {"Content-Type": "application/json"}
        if settings.key_variable is not None:
            key = secret(settings.key_variable)
            if key is None:
                raise ConfigError(f"key_variable names {settings.key_variable}, which is not set in the environment")
            self._headers["Authorization"] = f"Bearer {key}"

    def ask(self, question: str) -> str:
        """Give the answer to a question, decoded greedily.

        Raises:
            UserError: The service refuses the request.
            RunError: It could not be reached or stayed busy.
        """
        body = {
            "model": self._settings.model,
            "messages": [{"role": "user", "content": question}],
            "temperature": 0.0,
            "max_tokens": self._settings.max_tokens,
        }
        request = urllib.request.Request(self._url, json.dumps(body).encode(), self._headers)
        problem = ""
        for attempt in range(self._settings.attempts):
            if attempt:
                time.sleep(min(30.0, 0.5 * 2**attempt))
            try:
                with urllib.request.urlopen(request, timeout=self._settings.timeout) as reply:
                    return str(json.load(reply)["choices"][0]["message"]["content"] or "")
            except urllib.error.HTTPError as error:
                if error.code not in _BUSY:
                    raise UserError(f"{self._url} refuses the request with status {error.code}") from error
                problem = f"status {error.code}"
            except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
                problem = str(getattr(error, "reason", error))
            except (ValueError, KeyError, IndexError, TypeError) as error:
                raise UserError(f"{self._url} does not answer as an OpenAI-compatible service does") from error
        raise RunError(f"{self._url} could not be asked ({problem}); run the same command again to go on")
