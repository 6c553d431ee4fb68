"""Secrets come from the environment, by the name of a variable, and are stored nowhere."""

from __future__ import annotations

import os

from prox_spark.errors import ConfigError


def secret(variable: str) -> str:
    """Read a secret.

    Raises:
        ConfigError: The variable is not set.
    """
    value = os.environ.get(variable)
    if not value:
        raise ConfigError(f"the environment variable {variable} must hold the key, and is not set")
    return value
