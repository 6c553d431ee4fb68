"""What must never be in a configuration file: read from the environment, where it is used, and stored nowhere."""

from __future__ import annotations

import os


def secret(variable: str) -> str | None:
    """Give the value of an environment variable, None where it is not set or empty."""
    return os.environ.get(variable, "").strip() or None
