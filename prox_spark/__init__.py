"""A small language model writes a program for every document of a corpus, Spark executes it, and Delta keeps it.

What works on one text: `chunk`, `parse`, `execute`. What works on a lake has the name of its command: `ingest`, `plan`,
`refine`, `apply`, `run`, `history`, `document` (`show`), `diff`, `verify`, `tag`, `restore`, `forget`, `maintain`,
`export`, `compare`, `compare_modes`. A function that needs settings takes them as `config`, which `load` reads.

Names are loaded when they are first used, so that importing the package needs neither Spark nor a model library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from prox_spark.version import __version__

if TYPE_CHECKING:
    from prox_spark import demo, engines, evaluation, profiles
    from prox_spark.audit.compare import compare, compare_modes
    from prox_spark.audit.diff import diff
    from prox_spark.audit.export import export
    from prox_spark.audit.forget import forget
    from prox_spark.audit.history import document, history
    from prox_spark.audit.maintain import maintain
    from prox_spark.audit.restore import restore
    from prox_spark.audit.tags import tag
    from prox_spark.audit.verify import verify
    from prox_spark.chunks import WordTokenizer, chunk
    from prox_spark.config import Config, load
    from prox_spark.lake.functions import register_functions
    from prox_spark.lake.tables import Lake
    from prox_spark.pipeline import apply, ingest, refine, run
    from prox_spark.pipeline.plan import plan
    from prox_spark.program import columns, execute, parse
    from prox_spark.spark.session import session

__all__ = [
    "Config",
    "Lake",
    "WordTokenizer",
    "__version__",
    "apply",
    "chunk",
    "columns",
    "compare",
    "compare_modes",
    "demo",
    "diff",
    "document",
    "engines",
    "evaluation",
    "execute",
    "export",
    "forget",
    "history",
    "ingest",
    "load",
    "maintain",
    "parse",
    "plan",
    "profiles",
    "refine",
    "register_functions",
    "restore",
    "run",
    "session",
    "tag",
    "verify",
]

_HOMES = {
    "audit.compare": ("compare", "compare_modes"),
    "audit.diff": ("diff",),
    "audit.export": ("export",),
    "audit.forget": ("forget",),
    "audit.history": ("document", "history"),
    "audit.maintain": ("maintain",),
    "audit.restore": ("restore",),
    "audit.tags": ("tag",),
    "audit.verify": ("verify",),
    "chunks": ("WordTokenizer", "chunk"),
    "config": ("Config", "load"),
    "lake.functions": ("register_functions",),
    "lake.tables": ("Lake",),
    "pipeline": ("apply", "ingest", "refine", "run"),
    "pipeline.plan": ("plan",),
    "program": ("execute", "parse"),
    "spark.session": ("session",),
}
"""The modules that the names come from."""

_ROOMS = {"columns": "program.columns", "demo": "demo", "engines": "engines", "evaluation": "evaluation",
          "profiles": "profiles"}  # fmt: skip
"""The modules that are names themselves."""


def __getattr__(name: str) -> object:
    """Load a public name from its home."""
    if name in _ROOMS:
        return importlib.import_module(f"prox_spark.{_ROOMS[name]}")
    for home, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"prox_spark.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(__all__)
