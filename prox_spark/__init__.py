"""A small language model writes a program for every document of a corpus, Spark executes it, and Delta keeps it.

Names are loaded when they are first used, so that importing the package needs neither Spark nor a model library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from prox_spark.version import __version__

if TYPE_CHECKING:
    from prox_spark.chunks import chunk
    from prox_spark.lake.functions import register_functions
    from prox_spark.lake.tables import Lake
    from prox_spark.pipeline import apply, ingest, refine, run
    from prox_spark.program import columns, execute, parse
    from prox_spark.spark.session import session

__all__ = [
    "Lake",
    "__version__",
    "apply",
    "chunk",
    "columns",
    "execute",
    "ingest",
    "parse",
    "refine",
    "register_functions",
    "run",
    "session",
]

_HOMES = {
    "Lake": "prox_spark.lake.tables",
    "apply": "prox_spark.pipeline",
    "chunk": "prox_spark.chunks",
    "execute": "prox_spark.program",
    "ingest": "prox_spark.pipeline",
    "parse": "prox_spark.program",
    "refine": "prox_spark.pipeline",
    "register_functions": "prox_spark.lake.functions",
    "run": "prox_spark.pipeline",
    "session": "prox_spark.spark.session",
}


def __getattr__(name: str) -> object:
    """Load a public name from its home."""
    if name == "columns":
        return importlib.import_module("prox_spark.program.columns")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
