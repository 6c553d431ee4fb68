"""The passes of a configuration for tests of what only those with an engine have: a profile and an engine."""

from __future__ import annotations

from prox_spark.config import Config
from prox_spark.passes import Pass, resolve


def with_engine(config: Config) -> tuple[Pass, ...]:
    """Give the passes whose programs an engine writes, in order."""
    return tuple(pass_ for pass_ in resolve(config) if isinstance(pass_, Pass))
